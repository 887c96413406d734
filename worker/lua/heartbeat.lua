-- flags: allow-oom
-- Say that this worker lives and move the leases of its runs ahead.
--
-- ARGV     2 boot id  3 life of the boot id ms  4 lease ms  5.. id, token, id, token ...
-- Returns  tokens of runs that are not this worker's any more
-- Invariant  A token that was superseded moves no lease.
local boot, life, lease = ARGV[2], num(ARGV[3]), num(ARGV[4])

local now = now_ms()
redis.call('ZADD', WORKERS, now + life, boot)
redis.call('ZREMRANGEBYSCORE', WORKERS, '-inf', now)
redis.call('PEXPIRE', WORKERS, life)
local lost = {}
for i = 5, #ARGV, 2 do
  local id, token = ARGV[i], ARGV[i + 1]
  local job = read_job(id, 'state', 'token', 'class')
  if is_mine(job, token) then
    redis.call('HSET', job_key(id), 'state', 'running', 'lease_until', now + lease)
    wake_at(job.class, id, now + lease)
  else
    lost[#lost + 1] = token
  end
end
return lost
