-- flags: allow-oom
-- Watch a bank account no more.
--
-- ARGV     2 target  3 id of the watch  4 event
--          5 retention ms  6 length of the event stream (where no worker ever said its own)
-- Returns  {CANCELLED | ENDED, state} | {MISSING | OTHER}
--          OTHER: the account has another watch by now.
-- Invariant  A watch that has ended stays as it was told. A look that is under way is
--            not waited for, and changes nothing any more.
local target, id = ARGV[2], ARGV[3]

local known = redis.call('HMGET', watch_key(target), 'id', 'state')
if not known[1] then return {'MISSING'} end
if known[1] ~= id then return {'OTHER'} end
if ENDED_WATCH[known[2]] then return {'ENDED', known[2]} end
-- The workers' settings decide how long things are kept, not the caller's defaults.
local kept = redis.call('HMGET', META, 'keep', 'cap')
local now, cap = now_ms(), num(kept[2] or ARGV[6])
redis.call('XADD', EVENTS, 'MAXLEN', '~', cap, '*', 'event', ARGV[4])
redis.call('HDEL', watch_key(target), 'why', 'by') -- of what was not told yet
close_watch(target, 'cancelled', now, num(kept[1] or ARGV[5]))
return {'CANCELLED', 'cancelled'}
