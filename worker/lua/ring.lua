-- flags: allow-oom
-- Wake workers up, in a full store too: what is in the ledger must be able to end.
--
-- ARGV     2 queue's list  3.. Celery messages
-- Returns  {RUNG, length of the list}
-- Invariant  A message names ids only; losing it costs time, never a job.
local queue, length = ARGV[2], 0
for i = 3, #ARGV do length = redis.call('LPUSH', queue, ARGV[i]) end
return {'RUNG', length}
