-- flags: allow-oom
-- Begin a sweep: by hand, or because a slot has come for which there was none.
--
-- ARGV     2 id of the sweep  3 rule that slots come by ('' = by hand)
--          4 when the present slot of it began, ms
-- Returns  {LIVE, id of the one to be gone on with} | {NOTED} (the rule is new: it begins
--          with its next slot) | {DONE} (this slot had its sweep)
-- Invariant  One sweep at a time. A slot has one sweep at most, whoever comes first and
--            however many slots went by with nobody there.
local id, rule, slot = ARGV[2], ARGV[3], num(ARGV[4])
local KEPT = 34560000000 -- ms: 400 days, above the longest interval

local kept = redis.call('HMGET', SWEEP_KEY, 'id', 'state')
local goes_on = kept[2] == 'live' or kept[2] == 'over'
if kept[1] and goes_on then return {'LIVE', kept[1]} end
local now = now_ms()
if rule ~= '' then
  local noted = redis.call('ZSCORE', SLOTS, rule)
  if noted and num(noted) >= slot then return {'DONE'} end
  redis.call('ZREMRANGEBYSCORE', SLOTS, '-inf', now - KEPT)
  redis.call('ZADD', SLOTS, slot, rule)
  if not noted then return {'NOTED'} end
elseif kept[1] == id then
  return {'LIVE', id} -- the same call, repeated because its answer was lost
end
redis.call('DEL', SWEEP_KEY)
redis.call('HSET', SWEEP_KEY, 'id', id, 'state', 'live', 'rule', rule, 'slot', slot,
  'began', now, 'cursor', 0, 'last', num(redis.call('HGET', META, 'undecided')))
return {'LIVE', id}
