-- flags: allow-oom
-- Trim the event stream, and forget members of its groups that are long gone.
--
-- ARGV     2 age to keep, ms  3 events to keep  4 hard cap  5 most events to drop
--          6 silence after which a member without events is gone, ms
-- Returns  {FINE | HELD | LOST, events dropped, events left, the last of the groups}
--          HELD: that group keeps back more than half of what the cap allows.
--          LOST: it is further behind than the cap, and loses what it has not read.
-- Invariant  What a group has not acknowledged is dropped beyond the hard cap only.
local keep, length, cap, most = num(ARGV[2]), num(ARGV[3]), num(ARGV[4]), num(ARGV[5])
local silence = num(ARGV[6])
local NOBODY = '18446744073709551615-18446744073709551615' -- the last of all ids

-- Whether a stream id comes before another.
local function before(one, other)
  local ms, seq = string.match(one, '^(%d+)-(%d+)$')
  local other_ms, other_seq = string.match(other, '^(%d+)-(%d+)$')
  if ms ~= other_ms then return num(ms) < num(other_ms) end
  return num(seq) < num(other_seq)
end

local function by_name(flat)
  local named = {}
  for i = 1, #flat, 2 do named[flat[i]] = flat[i + 1] end
  return named
end

-- The id before which a group has acknowledged everything.
local function handled_by(group)
  local pending = redis.call('XPENDING', EVENTS, group.name)
  local delivered = group['last-delivered-id']
  if pending[1] > 0 and before(pending[2], delivered) then return pending[2] end
  return delivered
end

-- A member without events that is silent may go: it would be made anew by its next
-- read. Consumers choose new names at each start, so there would be ever more.
local function forget_silent(group)
  for _, flat in ipairs(redis.call('XINFO', 'CONSUMERS', EVENTS, group.name)) do
    local member = by_name(flat)
    if member.pending == 0 and member.idle >= silence then
      redis.call('XGROUP', 'DELCONSUMER', EVENTS, group.name, member.name)
    end
  end
end

if redis.call('EXISTS', EVENTS) == 0 then return {'FINE', 0, 0, ''} end

local handled, last = NOBODY, ''
for _, flat in ipairs(redis.call('XINFO', 'GROUPS', EVENTS)) do
  local group = by_name(flat)
  forget_silent(group)
  local id = handled_by(group)
  if before(id, handled) then handled, last = id, group.name end
end

-- By age, then by length, never past what is handled: MINID names the border, LIMIT
-- the number. `~` drops whole nodes of the stream, so some hundred events may stay.
local old = string.format('%.0f-0', math.max(now_ms() - keep, 0))
if before(handled, old) then old = handled end
local dropped = redis.call('XTRIM', EVENTS, 'MINID', '~', old, 'LIMIT', most)
local wanted = math.min(redis.call('XLEN', EVENTS) - length, most)
local got = 0
if wanted > 0 then
  got = redis.call('XTRIM', EVENTS, 'MINID', '~', handled, 'LIMIT', wanted)
end
local left = redis.call('XLEN', EVENTS)
local first = redis.call('XRANGE', EVENTS, '-', '+', 'COUNT', 1)[1]
local word = 'FINE'
if left >= cap and first and before(handled, first[1]) then
  word = 'LOST'
elseif got < wanted / 2 and left >= length + (cap - length) / 2 then
  word = 'HELD'
end
if left > cap then
  got = got + redis.call('XTRIM', EVENTS, 'MAXLEN', '~', cap, 'LIMIT', most)
end
return {word, dropped + got, redis.call('XLEN', EVENTS), last}
