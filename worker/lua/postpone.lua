-- flags: allow-oom
-- Let a job of which nothing was sent wait for a moment, outside its lane until then.
--
-- ARGV     2 id  3 token  4 moment, ms since the epoch  5 line for the job's story
-- Returns  {POSTPONED, next of the lane or ''} | {SUPERSEDED}
-- Invariant  Only a job that never sent anything leaves its lane, and only for a moment
--            that is ahead: for any other it keeps its place.
local id, token, due = ARGV[2], ARGV[3], num(ARGV[4])

local job = read_job(id, 'state', 'token', 'was', 'class', 'lane', 'ask', 'sent',
  'op', 'acct', 'line')
if job.state == 'waiting' and job.was == token then return {'POSTPONED', ''} end
if not is_mine(job, token) or job.sent then return {'SUPERSEDED'} end

local now = now_ms()
leave_line(id, job) -- where it was put after its lease had run out
redis.call('HDEL', job_key(id), 'token', 'holder', 'lease_until', 'rings', 'crashes',
  'leave')
if num(job.ask) == 1 then
  due = now -- the next run grants that, now; until then it may be sent as little as before
else
  redis.call('HDEL', job_key(id), 'when')
end
redis.call('HSET', job_key(id), 'state', 'waiting', 'due', math.max(due, now), 'was', token)
redis.call('HINCRBY', job_key(id), 'runs', -1)
tell_story(id, now, ARGV[5])
if due <= now then
  wake_at(job.class, id, now)
  return {'POSTPONED', id}
end
local class = job.class == 'interactive' and 'scheduled' or job.class
if class ~= job.class then no_wake(job.class, id) end
redis.call('HSET', job_key(id), 'outside', 1, 'class', class)
wake_at(class, id, due)
return {'POSTPONED', leave_lane(job.lane, id, now)}
