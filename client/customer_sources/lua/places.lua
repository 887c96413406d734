-- Where jobs stand: in the lane of their customer, in line for a permit, and undecided.
--
-- A job that may not send yet, because its account sends as fast as it may, stands in
-- `waiting:{account}:{op}:{class}`, by the moment at which it was accepted: first come,
-- first served, and one that comes again has its old place. It needs no wake-up: its
-- (account, op) is in `gates`, by the moment at which somebody is to look, and every
-- worker looks there.

local DEFAULT_ACCOUNT = 'default' -- of a record that names none
local CROWDED = 100 -- messages in a queue, behind which a job would only wait
local GATES, ACCOUNTS = PREFIX .. 'gates', PREFIX .. 'accounts'
local URGENT = PREFIX .. 'urgent'
local OPERATIONS = {'create', 'get', 'list', 'update', 'verify', 'delete', 'token'}

local function account_key(account) return PREFIX .. 'account:' .. account end
local function line_key(account, op, class)
  return PREFIX .. 'waiting:' .. account .. ':' .. op .. ':' .. class
end

-- Let somebody look at a line at this moment, if not before.
local function look_at_gate(account, op, when)
  redis.call('ZADD', GATES, 'LT', when, account .. '|' .. op)
end

-- Whether others of its kind stand in line for a permit.
local function has_line(job)
  local account = job.acct or DEFAULT_ACCOUNT
  return redis.call('EXISTS', line_key(account, job.op, job.class)) == 1
end

-- Put a job in line for a permit. `job` holds class, op, acct, at, deadline.
local function stand_in_line(id, job, now)
  local account = job.acct or DEFAULT_ACCOUNT
  redis.call('ZADD', line_key(account, job.op, job.class), num(job.at), id)
  redis.call('HSET', job_key(id), 'line', 1)
  redis.call('HSETNX', job_key(id), 'stood', now)
  look_at_gate(account, job.op, now)
  -- Whoever waits past its deadline is to be told so.
  if num(job.deadline) > 0 then wake_at(job.class, id, num(job.deadline))
  else no_wake(job.class, id) end
end

-- Take a job out of its line. `job` holds line, class, op, acct.
local function leave_line(id, job)
  if not job.line then return end
  redis.call('ZREM', line_key(job.acct or DEFAULT_ACCOUNT, job.op, job.class), id)
  redis.call('HDEL', job_key(id), 'line')
end

-- Verify jobs that have run and decided nothing, by a count of META: what a sweep goes
-- through. A job stays among them until it ends, whatever it does meanwhile.
local UNDECIDED = PREFIX .. 'undecided'

-- pcall, here and below: what stands in the place of this key must leave nothing half
-- written. A sweep drops whoever was not forgotten.
local function note_undecided(id, op)
  if op ~= 'verify' then return end
  redis.pcall('ZADD', UNDECIDED, 'NX', redis.call('HINCRBY', META, 'undecided', 1), id)
end

local function forget_undecided(id) redis.pcall('ZREM', UNDECIDED, id) end

-- Make a job interactive: one behind it in its lane is.
local function promote(id, now)
  local fine, job = pcall(read_job, id, 'class', 'op', 'acct', 'at', 'deadline', 'line',
    'parked')
  if not (fine and CLASSES[job.class]) or job.class == 'interactive' then return end
  local woken = redis.call('ZSCORE', wake_key(job.class), 'j:' .. id)
  no_wake(job.class, id)
  leave_line(id, job)
  job.class = 'interactive'
  redis.call('HSET', job_key(id), 'class', job.class)
  redis.call('HDEL', job_key(id), 'parked')
  if job.line or job.parked then stand_in_line(id, job, now)
  elseif woken then wake_at(job.class, id, num(woken)) end
  tell_story(id, now, '{"what":"hurried"}')
end

-- Put a job at the end of its lane. True when it is the head and may run. Behind others
-- an interactive one hurries them, one by one as they become the head: `urgent` has its
-- place.
local function join_lane(lane, id, class, now)
  if lane == '' then return true end
  local key = lane_key(lane)
  local last = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')
  local joined = redis.call('ZADD', key, 'NX', num(last[2]) + 1, id)
  if last[1] == nil then return true end
  local head = redis.call('ZRANGE', key, 0, 0)[1]
  if head == id then return true end
  if class == 'interactive' and joined == 1 then
    redis.call('HSET', URGENT, lane, num(last[2]) + 1)
    promote(head, now)
  end
  return false
end

-- Take a job out of its lane and give the new head a wake-up of its own: until now it
-- had none, being behind a live head. Returns the new head's id, or ''.
local function leave_lane(lane, id, now)
  if lane == '' then return '' end
  local key = lane_key(lane)
  redis.call('ZREM', key, id)
  local head = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  local urgent = redis.call('HGET', URGENT, lane)
  if urgent and (not head[1] or num(head[2]) >= num(urgent)) then
    redis.call('HDEL', URGENT, lane)
  elseif urgent then
    promote(head[1], now)
  end
  if not head[1] then return '' end
  -- One that cannot be read is woken too: whoever looks at it finds that out, and ends it.
  local fine, job = pcall(read_job, head[1], 'class', 'due', 'line', 'parked', 'op',
    'acct', 'at', 'deadline', 'state', 'permit')
  if not fine then job = {} end
  if job.line or job.parked then return '' end -- it was the head before
  local class = CLASSES[job.class] and job.class or 'interactive'
  -- It may be the head as it was, and run: then one behind it has left.
  local begins = job.state == 'queued' and not (job.due or job.permit)
  if begins and job.op and job.class and has_line(job) then
    stand_in_line(head[1], job, now) -- what a claim would come to
    return ''
  end
  wake_at(class, head[1], math.max(now + NEXT_GRACE, num(job.due)))
  return head[1]
end
