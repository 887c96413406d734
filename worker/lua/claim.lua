-- flags: allow-oom
-- Take a job for one run, and leave to send its first request at once.
--
-- ARGV     2 id  3 token (a nonce made by the caller)  4 holder (worker's boot id)
--          5 lease ms  6 highest schema version known  7 horizon ms  8 patience ms
-- Returns  {CLAIMED, leave, now, record as HGETALL, command}, where leave is GO, CANCEL,
--          HORIZON, DEADLINE (as in send) or AGAIN (a repeated claim: ask send); or one
--          of FINISHED, BUSY, BEHIND, NOT_DUE, NEWER, MISSING
-- Invariant  One running job a lane. A running job whose lease is out is still BUSY:
--            only take_due takes over, because it also says what is unknown then.
local id, token, holder = ARGV[2], ARGV[3], ARGV[4]
local lease, version = num(ARGV[5]), num(ARGV[6])
local limits = {horizon = num(ARGV[7]), patience = num(ARGV[8])}

local job = read_job(id, 'state', 'token', 'lane', 'class', 'due', 'v', 'outside', 'ask',
  'unknown', 'effect', 'deadline', 'first_sent', 'tried_since')
if not job.state then
  return {redis.call('EXISTS', tombstone_key(id)) == 1 and 'FINISHED' or 'MISSING'}
end
if TERMINAL[job.state] then return {'FINISHED'} end
if num(job.v) > version then return {'NEWER'} end

local now = now_ms()
local function claimed(word)
  return {'CLAIMED', word, now, redis.call('HGETALL', job_key(id)),
    redis.call('GET', command_key(id)) or ''}
end
if job.state == 'running' then
  -- The same nonce is the same call, repeated because its answer was lost.
  return job.token == token and claimed('AGAIN') or {'BUSY'}
end
if job.state == 'waiting' and num(job.due) > now then return {'NOT_DUE'} end
if job.outside then
  redis.call('HDEL', job_key(id), 'outside')
  join_lane(job.lane, id)
end
if not is_head(job.lane, id) then return {'BEHIND'} end

redis.call('HDEL', job_key(id), 'due', 'rings')
redis.call('HSET', job_key(id), 'state', 'running', 'token', token, 'holder', holder,
  'lease_until', now + lease)
redis.call('HINCRBY', job_key(id), 'runs', 1)
wake_at(job.class, id, now + lease)
return claimed(mark_send(id, job, limits, false, now))
