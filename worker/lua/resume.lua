-- flags: allow-oom
-- Let the jobs of a suspended account go on.
--
-- ARGV     2 account  3 event  4 length of the event stream
-- Returns  {RESUMED | NOT_SUSPENDED | MISSING}
-- Invariant  One event for each time. Everybody goes on from his place in line.
local account = ARGV[2]

if redis.call('SISMEMBER', ACCOUNTS, account) == 0 then return {'MISSING'} end
if not resume(account, ARGV[3], num(ARGV[4]), now_ms()) then return {'NOT_SUSPENDED'} end
return {'RESUMED'}
