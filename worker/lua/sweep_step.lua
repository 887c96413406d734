-- flags: allow-oom
-- Consider the next undecided jobs of a sweep, and put forward those that can be.
--
-- ARGV     2 id of the sweep  3 most jobs
-- Returns  {STEPPED} | {OVER} (all were considered) | {STALE} (it is another's turn)
-- Invariant  A sweep considers each job once, whoever steps: the cursor moves with what it
--            passes. Only what waits for its next try is put forward, and never before an
--            unanswered request of it can arrive no more.
local id, most = ARGV[2], num(ARGV[3])

local kept = redis.call('HMGET', SWEEP_KEY, 'id', 'state', 'cursor', 'last')
if kept[1] ~= id then return {'STALE'} end
if kept[2] ~= 'live' then return {'OVER'} end
local now = now_ms()

local function put_forward(job_id, job)
  redis.call('HSET', job_key(job_id), 'due', now)
  wake_at(job.class, job_id, now)
  tell_story(job_id, now, '{"what":"put_forward"}')
end

local counts, cursor = consider(num(kept[3]), num(kept[4]), most, now, put_forward,
  forget_undecided)
for what, count in pairs(counts) do redis.call('HINCRBY', SWEEP_KEY, what, count) end
redis.call('HSET', SWEEP_KEY, 'cursor', cursor)
if counts.considered == most then return {'STEPPED'} end
redis.call('HSET', SWEEP_KEY, 'state', 'over', 'ended', now)
return {'OVER'}
