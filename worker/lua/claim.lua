-- flags: allow-oom
-- Take a job for one run, and leave to send its first request at once; without a permit
-- for that it is put in line instead. A verify gets the permit, and asks send for leave.
--
-- ARGV     2 id  3 token (a nonce made by the caller)  4 holder (worker's boot id)
--          5 lease ms  6 highest schema version known  7 horizon ms  8 patience ms
--          9 time in which an unanswered request can still arrive, ms
--          10 alone (1 = nothing else is in flight in the caller's process)
-- Returns  {CLAIMED, leave, now, record as HGETALL, command}, where leave is GO, CANCEL,
--          HORIZON, DEADLINE (as in send), PLAN (it says what it waits for, not until
--          when: that is to be found out) or AGAIN (ask send; so at a repeat); or one
--          of FINISHED, BUSY, BEHIND, NOT_DUE, NEWER, MISSING, QUEUED (it stands in line
--          for a permit), UNREADABLE (its record is damaged: lay it aside), ALONE (two
--          holders died of it: claim it again with nothing beside it)
-- Invariant  One running job a lane. A running job whose lease is out is still BUSY:
--            only take_due takes over, because it also says what is unknown then.
--            Of a record that is damaged nothing is written, and nothing is sent.
--            Nothing leaves without a permit, and waiting for one is no run.
local id, token, holder = ARGV[2], ARGV[3], ARGV[4]
local lease, version = num(ARGV[5]), num(ARGV[6])
local limits = {horizon = num(ARGV[7]), patience = num(ARGV[8])}
local quiet, alone = num(ARGV[9]), ARGV[10] == '1'
local SUSPECT = 2 -- deaths after which a job could be the cause

local life, back = life_of_store()
local job, refused, command, place = examine(id, version)
if refused and job.state ~= 'running' then return {refused} end

local now = now_ms()
local function claimed(word)
  return {'CLAIMED', word, now, redis.call('HGETALL', job_key(id)), command or ''}
end
if job.state == 'running' then
  -- The same nonce is the same call, repeated because its answer was lost.
  return job.token == token and claimed(job.when and 'PLAN' or 'AGAIN') or {'BUSY'}
end
if job.state == 'waiting' and num(job.due) > now then return {'NOT_DUE'} end
local head = place == 'HEAD'
if job.outside then
  redis.call('HDEL', job_key(id), 'outside')
  head = join_lane(job.lane, id, job.class, now)
end
if not head then return {'BEHIND'} end
if num(job.crashes) >= SUSPECT and not alone then return {'ALONE'} end

if may_have_lost(job, life, back) and not job.when then
  -- What the store lost of this job nobody knows; a request of it may be out.
  job.unknown = 1
  if num(job.first_sent) == 0 then
    -- The first loss since its last claim: nothing that it may have sent is older.
    job.first_sent = num(redis.call('HGET', META, 'lost:' .. num(job.life) + 1))
  end
  redis.call('HSET', job_key(id), 'unknown', 1, 'quiet_until', now + quiet,
    'first_sent', job.first_sent)
  tell_story(id, now, '{"what":"store_restarted"}')
end
if life > num(job.life) then redis.call('HSET', job_key(id), 'life', life) end

-- Waiting for a permit burns nothing of what is counted from the first try.
if job.stood and num(job.tried_since) > 0 then
  job.tried_since = num(job.tried_since) + now - num(job.stood)
end
local word = why_not(job, limits, false, now) or job.when and 'PLAN'
if not word and park(id, job) then return {'QUEUED'} end
if not word and not may_go(id, job, token, now) then return {'QUEUED'} end
leave_line(id, job)
redis.call('HDEL', job_key(id), 'due', 'rings', 'line', 'permit', 'stood')
redis.call('HSET', job_key(id), 'state', 'running', 'token', token, 'holder', holder,
  'lease_until', now + lease)
redis.call('HINCRBY', job_key(id), 'runs', 1)
wake_at(job.class, id, now + lease)
if word then return claimed(word) end
if job.op == 'verify' then
  redis.call('HSET', job_key(id), 'leave', 1)
  return claimed('AGAIN')
end
mark_send(id, job, false, now)
return claimed('GO')
