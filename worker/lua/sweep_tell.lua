-- flags: allow-oom
-- Tell the event of a sweep that is over.
--
-- ARGV     2 id of the sweep  3 event
--          4 length of the event stream (where no worker ever said its own)
-- Returns  {TOLD | STALE}
-- Invariant  It is told once. Until it is, no other sweep begins.
local id, event = ARGV[2], ARGV[3]

local kept = redis.call('HMGET', SWEEP_KEY, 'id', 'state')
if kept[1] ~= id or kept[2] ~= 'over' then return {'STALE'} end
local cap = num(redis.call('HGET', META, 'cap') or ARGV[4])
redis.call('XADD', EVENTS, 'MAXLEN', '~', cap, '*', 'event', event)
redis.call('HSET', SWEEP_KEY, 'state', 'told')
return {'TOLD'}
