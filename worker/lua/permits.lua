-- Permits: how many requests an account, and each operation of it, may send.
--
-- One hash an account, `account:{name}`. Announced by workers: `rate` (requests a second),
-- `each` (of any operation), `each:{op}` (of this one), `burst` (ms), `cap` (requests in
-- flight), `life` (ms that one can be in flight), `key`. What moves, for the account and
-- with `:{op}` for an operation: `t` (up to when permits are given, ms), `f` since `f_at`
-- (share of the rate that a halving left, and when), `c` since `c_at` (of the cap),
-- `sent`; `got:{op}` is when an operation last had a permit. An account that nobody
-- announced has no limit.
--
-- A request may leave when `t` is no further ahead than its class allows: this lets the
-- more urgent go first, and makes up for a look that came late. Only what is sent counts.

local STEADY = 1500 -- ms after a halving in which nothing grows
local GROWN_BACK = 30000 -- ms in which what was halved to nothing is whole again
local SLOWEST = 1 -- a second: what no halving goes below, a probe
local AHEAD = {interactive = 1, scheduled = 0.75, bulk = 0.5} -- shares of the burst
local OTHERS = {interactive = 1, scheduled = 0.75, bulk = 0.75} -- shares of the cap
local ONE_IN = 10 -- permits, of which one is for each lower class that wants it
local LONGEST_AHEAD = 2000 -- ms for which a run that has begun waits for a permit
local FULL_AGAIN = 50 -- ms until room is looked for, should nobody tell of any
local PROBE_AGAIN = 60000 -- ms between two requests under a key that was refused
local DAY, DAYS_KEPT = 86400000, 31
local MOST_DEAD = 100 -- ids that one look takes out of a line
local FLIGHTS_KEPT = 3600000 -- above the life of any request
local READS = {get = true, list = true, token = true}

local function flight_key(account) return PREFIX .. 'flight:' .. account end

-- What is left of a rate or a cap after halvings, growing back steadily.
local function share_now(share, since, now)
  if not share then return 1 end
  return math.min(1, num(share) + math.max(0, now - num(since) - STEADY) / GROWN_BACK)
end

local function slowed(rate, share, since, now)
  return math.max(math.min(SLOWEST, rate), rate * share_now(share, since, now))
end

local function read_account(account, op, class)
  local names = {'rate', 'each', 'burst', 'cap', 'life', 't', 'f', 'f_at', 'c', 'c_at',
    'suspended', 'refused_op', 'probe_at', 'sent'}
  local of_op = {'each', 't', 'f', 'f_at', 'c', 'c_at', 'sent'}
  local fields = {unpack(names)}
  for _, name in ipairs(of_op) do fields[#fields + 1] = name .. ':' .. op end
  fields[#fields + 1] = 'had:' .. op .. ':' .. class
  fields[#fields + 1] = 'had:' .. class
  local values = redis.call('HMGET', account_key(account), unpack(fields))
  local account_now, op_now = {}, {}
  for i, name in ipairs(names) do account_now[name] = values[i] or nil end
  for i, name in ipairs(of_op) do op_now[name] = values[#names + i] or nil end
  op_now.had = values[#fields - 1] or nil
  account_now.had = values[#fields] or nil
  return account_now, op_now
end

-- Whether a key that was refused may be tried again: now and then, and with what it was
-- refused for, if anybody waits for that. Returns ms to wait.
local function wait_for_probe(account, whole, op, now)
  local wait = num(whole.probe_at) - now
  if wait > 0 then return wait end
  if whole.refused_op and whole.refused_op ~= op then
    for class in pairs(CLASSES) do
      local line = line_key(account, whole.refused_op, class)
      if redis.call('EXISTS', line) == 1 then return PROBE_AGAIN end
    end
  end
  return 0
end

-- Whether as many requests are in flight as there may be. What was never heard of again
-- is forgotten.
local function is_full(account, whole, op, of_op, class, now)
  local cap, key = num(whole.cap), flight_key(account)
  if cap == 0 then return false end
  local function reaches(flights, most)
    redis.call('ZREMRANGEBYSCORE', flights, '-inf', now)
    return redis.call('ZCARD', flights) >= math.max(1, math.floor(most))
  end
  local most = math.ceil(cap * OTHERS[class])
  if reaches(key, most * share_now(whole.c, whole.c_at, now)) then return true end
  return of_op.c and reaches(key .. ':' .. op, most * share_now(of_op.c, of_op.c_at, now))
end

-- Count a request as in flight, by the token of its run, for at most `life` ms.
local function take_off(account, op, token, life, now)
  for _, key in ipairs({flight_key(account), flight_key(account) .. ':' .. op}) do
    redis.call('ZADD', key, now + life, token)
    redis.call('PEXPIRE', key, FLIGHTS_KEPT)
  end
end

-- Have all lines of an account looked at now.
local function open_gates(account, now)
  for _, op in ipairs(OPERATIONS) do
    redis.call('ZADD', GATES, 'XX', now, account .. '|' .. op)
  end
end

-- A request has ended: there is room for another, which is looked for at once where
-- somebody was told that there is none. Returns whether it was in flight.
local function land(account, op, token, now)
  redis.call('ZREM', flight_key(account) .. ':' .. op, token)
  if redis.call('ZREM', flight_key(account), token) == 0 then return false end
  if redis.call('HDEL', account_key(account), 'full') == 1 then open_gates(account, now) end
  return true
end

-- Count a request that is about to leave, under both rates.
local function charge(account, op, class, slot, slot_of_op, whole, of_op, now)
  local key = account_key(account)
  redis.call('HSET', key, 't', string.format('%.3f', math.max(num(whole.t), now) + slot),
    't:' .. op, string.format('%.3f', math.max(num(of_op.t), now) + slot_of_op),
    'got:' .. op, now)
  local sent = redis.call('HINCRBY', key, 'sent:' .. op, 1)
  redis.call('HINCRBY', key, 'sent', 1)
  if class ~= 'interactive' then
    redis.call('HSET', key, 'had:' .. op .. ':' .. class, sent)
  end
  if READS[op] then
    local day = math.floor(now / DAY)
    if redis.call('HINCRBY', key, 'reads:' .. day, 1) == 1 then
      for old = DAYS_KEPT, 2 * DAYS_KEPT do
        redis.call('HDEL', key, 'reads:' .. day - old)
      end
    end
  end
end

-- A permit for one request, which is the FIRST of a job, one FURTHER of a run that has
-- begun, or only the SHARE that its class is due. Returns the ms to wait before it may
-- leave and the account as read; or the ms after which it is worth asking again, and nil.
local function permit(account, op, class, how, now)
  local whole, of_op = read_account(account, op, class)
  if whole.suspended then
    local wait = wait_for_probe(account, whole, op, now)
    if wait > 0 then return wait end
  end
  local function probed()
    if whole.suspended then
      redis.call('HSET', account_key(account), 'probe_at', now + PROBE_AGAIN)
    end
  end
  if not whole.rate then
    if how == 'SHARE' then return FULL_AGAIN end -- of nothing
    probed()
    return 0, whole
  end
  local slot = 1000 / slowed(num(whole.rate), whole.f, whole.f_at, now)
  local each = num(of_op.each or whole.each)
  local slot_of_op = 1000 / slowed(each, of_op.f, of_op.f_at, now)
  -- Counted, not timed: where places are scarcer than permits, time would give it all.
  local due = class ~= 'interactive' and num(of_op.sent) - num(of_op.had) >= ONE_IN - 1
    and num(whole.sent) - num(whole.had) >= ONE_IN - 1
  if how == 'SHARE' and not due then return FULL_AGAIN end
  local forced = false
  if how ~= 'FURTHER' and is_full(account, whole, op, of_op, class, now) then
    forced = due and not is_full(account, whole, op, of_op, 'interactive', now)
    if not forced then
      redis.call('HSET', account_key(account), 'full', 1)
      return FULL_AGAIN
    end
  end
  local at = math.max(num(whole.t), num(of_op.t)) - num(whole.burst) * AHEAD[class]
  local wait = math.max(0, math.ceil(at - now))
  -- What is urgent waits in its run, with a permit; others ask again, lest they stand
  -- before what becomes urgent meanwhile.
  if wait > 0 and (how ~= 'FURTHER' or class ~= 'interactive' or wait > LONGEST_AHEAD) then
    -- Its share goes all the same; what it takes is missing to the others next.
    forced = due and wait <= math.max(LONGEST_AHEAD, 2 * slot, 2 * slot_of_op)
    if not forced then return wait end
    wait = 0
  end
  if forced then
    redis.call('HSET', account_key(account), 'had:' .. class, num(whole.sent) + 1)
  end
  probed()
  charge(account, op, class, slot, slot_of_op, whole, of_op, now)
  return wait, whole
end

-- End a suspension, tell it, and have all lines of the account looked at. False: there
-- was none.
local function resume(account, event, length, now)
  local key = account_key(account)
  if redis.call('HEXISTS', key, 'suspended') == 0 then return false end
  redis.call('XADD', EVENTS, 'MAXLEN', '~', length, '*', 'event', event)
  redis.call('HDEL', key, 'suspended', 'refused', 'refused_op', 'refused_key', 'probe_at')
  open_gates(account, now)
  return true
end

-- Have somebody look at a job that stood in line and is not as it should be.
local function look_into(id, fine, job, now)
  if fine and (TERMINAL[job.state] or not (job.state or is_bereft(id))) then return end
  local class = fine and CLASSES[job.class] and job.class or 'interactive'
  redis.call('ZADD', wake_key(class), 'NX', now, 'j:' .. id)
end

-- The first of a line who stands there; whoever does not is taken out.
local function first_of(line, account, op, class, now)
  for _ = 1, MOST_DEAD do
    local id = redis.call('ZRANGE', line, 0, 0)[1]
    if not id then return nil end
    local fine, job = pcall(read_job, id, 'state', 'line', 'class', 'op', 'acct')
    local stands = fine and job.state == 'queued' and job.line and job.class == class
      and job.op == op and (job.acct or DEFAULT_ACCOUNT) == account
    if stands then return id, job end
    redis.call('ZREM', line, id)
    look_into(id, fine, job, now)
  end
  return nil
end
