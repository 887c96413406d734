-- flags: allow-oom
-- End a job whose record cannot be used, so that a person looks at it.
--
-- ARGV     2 id  3 event  4 result  5 code  6 retention ms  7 window of a key ms
--          8 length of the event stream  9 highest schema version known
--          10 operation ('' = the command cannot be read)  11 lane, by the command
-- Returns  {LAID_ASIDE, next of the lane or ''} | {FINISHED} | {MISSING} | {SOUND}
-- Invariant  Terminal is written once, with its event. A job whose record can be used,
--            by this version or a newer one, is never ended here.
local id, event, result, code = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local keep, remember, cap = num(ARGV[6]), num(ARGV[7]), num(ARGV[8])
local version, operation, told_lane = num(ARGV[9]), ARGV[10], ARGV[11]

local job, refused = examine(id, version)
if refused == 'FINISHED' and job.code == code then
  return {'LAID_ASIDE', ''} -- the same call, repeated because its answer was lost
end
if refused ~= 'UNREADABLE' then
  return {(refused == 'FINISHED' or refused == 'MISSING') and refused or 'SOUND'}
end

local now = now_ms()
redis.call('XADD', EVENTS, 'MAXLEN', '~', cap, '*', 'event', event)
-- Told: from here on nothing may fail, whatever is found in the place of a key. What is
-- kept of the record is what a person needs, and too little to run it again.
local key, fp = job_key(id), job.fp or ''
redis.call('DEL', key)
redis.call('HSET', key, 'fp', fp, 'state', 'needs_review', 'op', operation, 'at',
  is_whole(job.at or '') and job.at or now, 'ended', now, 'runs',
  is_whole(job.runs or '') and job.runs or 0, 'code', code, 'token', '', 'review', 1,
  'unknown', 1)
if operation == '' then redis.call('DEL', command_key(id)) end
tell_story(id, now, '{"what":"' .. code .. '"}')
for _, one in ipairs({key, command_key(id), log_key(id)}) do
  redis.call('PEXPIRE', one, keep)
end
redis.call('SET', result_key(id), result, 'PX', keep)
if job.keyed and fp ~= '' then
  redis.call('SET', tombstone_key(id), fp .. ' needs_review', 'PX', math.max(keep, remember))
end
redis.pcall('ZADD', REVIEW, now, id)
redis.pcall('ZREMRANGEBYSCORE', REVIEW, '-inf', now - keep)
note_poison('j:' .. id)
forget_undecided(id)

for class in pairs(CLASSES) do redis.pcall('ZREM', wake_key(class), 'j:' .. id) end
if job.class then redis.pcall('ZREM', wake_key(job.class), 'j:' .. id) end
local head = ''
for _, lane in ipairs({told_lane, job.lane or ''}) do
  -- What stands in a lane's place holds up all that would join it.
  local kind = redis.call('TYPE', lane_key(lane)).ok
  if kind ~= 'zset' then redis.call('DEL', lane_key(lane)) end
  local fine, following = pcall(leave_lane, lane, id, now)
  if fine and head == '' then head = following end
end
redis.call('PUBLISH', PREFIX .. 'ended:' .. id, 'needs_review')
return {'LAID_ASIDE', head}
