-- flags: allow-oom
-- Give permits to those who stand in line, as many as there are and can be used.
--
-- ARGV     2 most jobs  3 most of the lower classes among them
-- Returns  {ms until somebody is to look again (-1: nobody stands in line), ids ...}
-- Invariant  Permit first, then the job: what is named here was charged, and is good for
--            a moment. It has a wake-up of its own from then on. A line that is looked at
--            has its gate open until it is empty. Lines take turns.
local room = {all = num(ARGV[2]), lower = num(ARGV[3])}
local GOOD_FOR, MOST_GATES, WITHOUT_ROOM = 3000, 100, 100
local ORDER = {'interactive', 'scheduled', 'bulk'}

local now, ids = now_ms(), {}

local function give(id, job, line, whole)
  redis.call('ZREM', line, id)
  redis.call('HDEL', job_key(id), 'line')
  redis.call('HSET', job_key(id), 'permit', now + GOOD_FOR)
  wake_at(job.class, id, now + RING_AGAIN)
  whole.life = GOOD_FOR
  let_go(id, job, id, whole, now)
  room.all = room.all - 1
  if job.class ~= 'interactive' then room.lower = room.lower - 1 end
  ids[#ids + 1] = id
end

-- One permit for each class that gets one; first what the lower ones are due, where
-- others would take it. Returns whether any did, and ms until the gate is to be looked
-- at again: 0, as soon as there is room; nil where nobody stands there any more.
local function serve(account, op)
  local given, again = false, nil
  local function offer(class, how, places)
    local line = line_key(account, op, class)
    local id, job = first_of(line, account, op, class, now)
    if not id or places <= 0 then return redis.call('EXISTS', line) == 1 and 0 or nil end
    local wait, whole = permit(account, op, class, how, now)
    if not whole then return wait end
    give(id, job, line, whole)
    given = true
    return 1
  end
  local function stand(class)
    return redis.call('EXISTS', line_key(account, op, class)) == 1
  end
  if room.lower <= 0 or stand('interactive') then
    offer('scheduled', 'SHARE', room.all)
  end
  if room.lower <= 0 or stand('interactive') or stand('scheduled') then
    offer('bulk', 'SHARE', room.all)
  end
  for _, class in ipairs(ORDER) do
    local places = class == 'interactive' and room.all or math.min(room.all, room.lower)
    local wait = offer(class, 'FIRST', places)
    if wait then again = math.min(again or wait, wait) end
  end
  return given, again
end

local function look(gate)
  local account, op = string.match(gate, '^([^|]+)|(.+)$')
  local fine, given, again = pcall(serve, account, op)
  if not fine then
    -- A key of another type, say; looked at again, unless it is no gate at all.
    note_poison(gate)
    given, again = false, account and POISON_AGAIN or nil
  end
  if not again then
    redis.call('ZREM', GATES, gate)
  else
    redis.call('ZADD', GATES, now + again, gate)
  end
  return given
end

-- Gates in the order of their turns: first those that got nothing for longest.
local function in_turn(found)
  local gates, got = {}, {}
  for i = 1, #found, 2 do
    local gate, account, op = found[i], string.match(found[i], '^([^|]+)|(.+)$')
    local known = account
      and redis.pcall('HMGET', account_key(account), 'rate', 'got:' .. op) or {}
    gates[#gates + 1] = gate
    -- Where nothing is counted, nobody is kept from going for long.
    got[gate] = known[1] and num(known[2]) or num(found[i + 1])
  end
  table.sort(gates, function(a, b)
    if got[a] ~= got[b] then return got[a] < got[b] end
    return a < b
  end)
  return gates
end

local due = in_turn(redis.call('ZRANGE', GATES, '-inf', now, 'BYSCORE', 'LIMIT', 0,
  MOST_GATES, 'WITHSCORES'))
while #due > 0 and room.all > 0 do
  local served = {}
  for _, gate in ipairs(due) do
    if room.all > 0 and look(gate) then served[#served + 1] = gate end
  end
  due = served
end
-- What is due still waits for room, of which the caller knows more.
local first = redis.call('ZRANGE', GATES, '(' .. now, '+inf', 'BYSCORE', 'LIMIT', 0, 1,
  'WITHSCORES')
local again = first[1] and num(first[2]) - now or -1
if again < 0 and redis.call('EXISTS', GATES) == 1 then again = WITHOUT_ROOM end
return {again, unpack(ids)}
