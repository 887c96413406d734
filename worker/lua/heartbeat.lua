-- flags: allow-oom
-- Say that this worker lives and move the leases of its runs ahead.
--
-- ARGV     2 boot id  3 life of the boot id ms  4 lease ms  5.. id, token, id, token ...
-- Returns  tokens of runs that are not this worker's any more
-- Invariant  A token that was superseded moves no lease. A record that cannot be read
--            costs its own run the lease, and no other. Who runs stands in no line.
local boot, life, lease = ARGV[2], num(ARGV[3]), num(ARGV[4])

local now = now_ms()
redis.call('ZADD', WORKERS, now + life, boot)
redis.call('ZREMRANGEBYSCORE', WORKERS, '-inf', now)
redis.call('PEXPIRE', WORKERS, life)
local lost = {}
local function keep(id, token)
  local job = read_job(id, 'state', 'token', 'class', 'op', 'acct', 'line')
  if not (is_mine(job, token) and CLASSES[job.class]) then return false end
  leave_line(id, job) -- where it was put after its lease had run out
  redis.call('HSET', job_key(id), 'state', 'running', 'lease_until', now + lease)
  wake_at(job.class, id, now + lease)
  return true
end
for i = 5, #ARGV, 2 do
  local fine, kept = pcall(keep, ARGV[i], ARGV[i + 1])
  if not (fine and kept) then lost[#lost + 1] = ARGV[i + 1] end
end
return lost
