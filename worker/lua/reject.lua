-- flags: allow-oom
-- Tell that a command could not become a job, and let go of where it came from.
--
-- ARGV     2 event  3 length of the event stream
--          4 inbox stream ('' = it did not come from there)  5 group  6 entry
-- Returns  {REJECTED | GONE}
-- Invariant  An inbox entry becomes one job or one rejection, never both, never two.
local event, cap, inbox, group, entry = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]

if inbox ~= '' and redis.call('XACK', inbox, group, entry) == 0 then return {'GONE'} end
redis.call('XADD', EVENTS, 'MAXLEN', '~', cap, '*', 'event', event)
if inbox ~= '' then redis.call('XDEL', inbox, entry) end
return {'REJECTED'}
