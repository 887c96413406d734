-- flags: allow-oom
-- Tell an event of a batch: what became of it, or how far it is.
--
-- ARGV     2 id  3 what was to be told, as batch_step said it ('' = how far it is)
--          4 event  5 length of the event stream  6 ms between two that say how far
--          7 rows that had ended, as the caller knows it  8 retention ms
-- Returns  {TOLD | STALE}
-- Invariant  What became of a batch is told once, in order. When its end was told, what
--            is kept of it has a time to go.
local id, what, event = ARGV[2], ARGV[3], ARGV[4]
local key = batch_key(id)

local now = now_ms()
if what == '' then
  local last = redis.call('HMGET', key, 'progress_at', 'progress', 'state')
  local more = redis.call('EXISTS', tell_key(id)) == 1
  if more or ENDED_BATCH[last[3] or 'completed'] then return {'STALE'} end
  if now - num(last[1]) < num(ARGV[6]) or last[2] == ARGV[7] then return {'STALE'} end
  redis.call('HSET', key, 'progress_at', now, 'progress', ARGV[7])
elseif redis.call('LINDEX', tell_key(id), 0) ~= what then
  return {'STALE'}
end
redis.call('XADD', EVENTS, 'MAXLEN', '~', num(ARGV[5]), '*', 'event', event)
if what == '' then return {'TOLD'} end
redis.call('LPOP', tell_key(id))
if ENDED_BATCH[string.match(what, '^%S+')] then
  redis.call('PEXPIRE', key, ARGV[8])
  redis.call('PEXPIRE', key .. ':manifest', ARGV[8])
  for n = 0, num(redis.call('HGET', key, 'chunks')) - 1 do
    redis.call('PEXPIRE', chunk_key(id, n), ARGV[8])
    redis.call('PEXPIRE', outcomes_key(id, n), ARGV[8])
  end
  local old = redis.call('ZRANGE', BATCHES, '-inf', now - num(ARGV[8]), 'BYSCORE', 'LIMIT',
    0, 100)
  for _, one in ipairs(old) do
    if redis.call('EXISTS', batch_key(one)) == 0 then redis.call('ZREM', BATCHES, one) end
  end
end
return {'TOLD'}
