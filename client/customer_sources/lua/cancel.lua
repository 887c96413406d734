-- flags: allow-oom
-- End a job that cannot have reached Stripe; ask for it where it may have.
--
-- ARGV     2 id  3 result  4 event  5 retention ms  6 window of a key ms
--          7 length of the event stream (5 to 7: where no worker ever said its own)
-- Returns  {CANCELLED | ASKED | FINISHED | MISSING, state}
-- Invariant  A job with unknown=1, or running, or of which the store may have lost a
--            send, is never ended here: what was sent is resolved first. A cancelled
--            head wakes the next of its lane.
local id = ARGV[2]
local life, back = life_of_store()
local job = read_job(id, 'state', 'unknown', 'life', 'effect', 'outside',
  'due')
if not job.state then
  local stone = redis.call('GET', tombstone_key(id))
  if stone then return {'FINISHED', string.match(stone, ' (%S+)$')} end
  return {'MISSING', ''}
end
if TERMINAL[job.state] then return {'FINISHED', job.state} end
local now = now_ms()
local sent = num(job.unknown) == 1 or may_have_lost(job, life, back)
if job.state == 'running' or sent then
  if redis.call('HSET', job_key(id), 'ask', 1) == 1 then
    tell_story(id, now, '{"what":"cancel_asked"}')
  end
  return {'ASKED', job.state}
end
-- The workers' settings decide how long things are kept, not the caller's defaults.
local kept = redis.call('HMGET', META, 'keep', 'remember', 'cap')
finish(id, {
  state = 'cancelled', code = 'cancelled', result = ARGV[3], event = ARGV[4], token = '',
  keep = num(kept[1] or ARGV[5]), remember = num(kept[2] or ARGV[6]),
  cap = num(kept[3] or ARGV[7]), story = '', request = '',
}, now)
return {'CANCELLED', 'cancelled'}
