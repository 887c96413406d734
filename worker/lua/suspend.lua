-- flags: allow-oom
-- Suspend an account whose key was refused: its jobs stand in line until it is resumed.
--
-- ARGV     2 account  3 id of the key ('' = no worker here has one)
--          4 what was answered, in a word or two  5 operation that was refused
--          6 event  7 length of the event stream
-- Returns  {SUSPENDED | ALREADY | OTHER_KEY}; OTHER_KEY: workers have a newer key
-- Invariant  One event for each time. The refusal of a key that is not used any more
--            suspends nobody, nor does a worker without one while others say theirs.
local account, refused_key = ARGV[2], ARGV[3]
local key = account_key(account)

local SAID_LATELY = 30000
local kept = redis.call('HMGET', key, 'key', 'suspended', 'said')
local now = now_ms()
local is_used = kept[1] and (refused_key ~= '' or now - num(kept[3]) < SAID_LATELY)
if is_used and kept[1] ~= refused_key then return {'OTHER_KEY'} end
if kept[2] then return {'ALREADY'} end
redis.call('XADD', EVENTS, 'MAXLEN', '~', num(ARGV[7]), '*', 'event', ARGV[6])
redis.call('SADD', ACCOUNTS, account)
redis.call('HSET', key, 'suspended', now, 'refused', ARGV[4], 'refused_op', ARGV[5],
  'refused_key', refused_key, 'probe_at', now + PROBE_AGAIN)
return {'SUSPENDED'}
