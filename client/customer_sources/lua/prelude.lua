-- Shared by all scripts: loaded in front of each of them as one text.
--
-- KEYS      none. Redis Cluster is refused, and the head of a lane is not known before
--           a script runs; so names are formed here, and in contract/names.py, and
--           a test holds the two together.
-- ARGV[1]   the prefix of every key
-- Times are milliseconds. Numbers of a record are strings in Lua: use num().

local PREFIX = ARGV[1]
local RING_AGAIN = 5000 -- first repeat of a wake-up; doubles up to the next line
local RING_SLOWEST = 30000
local NEXT_GRACE = 1000 -- the committing worker runs the lane's next job itself

local TERMINAL = {
  succeeded = true, failed = true, needs_review = true, cancelled = true,
}

local function job_key(id) return PREFIX .. 'job:' .. id end
local function command_key(id) return PREFIX .. 'job:' .. id .. ':cmd' end
local function result_key(id) return PREFIX .. 'job:' .. id .. ':result' end
local function tombstone_key(id) return PREFIX .. 'done:' .. id end
local function lane_key(lane) return PREFIX .. 'lane:' .. lane end
local function wake_key(class) return PREFIX .. 'wake:' .. class end
local META, PULSE, EVENTS = PREFIX .. 'meta', PREFIX .. 'pulse', PREFIX .. 'events'
local REVIEW, POISON = PREFIX .. 'review', PREFIX .. 'poison'
local WORKERS = PREFIX .. 'workers'

local function num(value) return tonumber(value or 0) or 0 end

-- The store's clock, made to go forward only. Where the machine's clock was set back,
-- an offset keeps ours going from where it was; it shrinks by a tenth of the time that
-- passes, so that in the end both agree again. The mark is moved at most ten times a
-- second, so time can repeat for 100 ms; no rule here needs it finer.
local function now_ms()
  local time = redis.call('TIME')
  local kept = redis.call('HMGET', META, 'clock', 'offset')
  local mark, offset = num(kept[1]), num(kept[2])
  local now = time[1] * 1000 + math.floor(time[2] / 1000) + offset
  if now < mark then
    redis.call('HSET', META, 'offset', offset + mark - now)
    return mark
  end
  if now <= mark + 100 then return now end
  if offset > 0 then
    local less = math.min(offset, math.ceil((now - mark) / 10))
    now = now - less
    redis.call('HSET', META, 'offset', offset - less)
  end
  redis.call('HSET', META, 'clock', now)
  return now
end

-- A moment as a producer gives it: absolute, or "+n" from now by the store's clock.
local function moment(text, now)
  local sign = string.sub(text, 1, 1)
  if sign == '+' or sign == '-' then return math.max(1, now + num(text)) end
  return num(text)
end

-- The named fields of a job's record as a table; absent ones are nil.
local function read_job(id, ...)
  local values = redis.call('HMGET', job_key(id), ...)
  local record = {}
  for i, name in ipairs({...}) do record[name] = values[i] or nil end
  return record
end

local function wake_at(class, id, when)
  redis.call('ZADD', wake_key(class), when, 'j:' .. id)
end

local function no_wake(class, id)
  redis.call('ZREM', wake_key(class), 'j:' .. id)
end

-- Put a job at the end of its lane. True when it is the head and may run.
local function join_lane(lane, id)
  if lane == '' then return true end
  local key = lane_key(lane)
  local last = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')
  redis.call('ZADD', key, 'NX', num(last[2]) + 1, id)
  return last[1] == nil or redis.call('ZRANGE', key, 0, 0)[1] == id
end

local function is_head(lane, id)
  return lane == '' or redis.call('ZRANGE', lane_key(lane), 0, 0)[1] == id
end

-- Take a job out of its lane and give the new head a wake-up of its own: until now it
-- had none, being behind a live head. Returns the new head's id, or ''.
local function leave_lane(lane, id, now)
  if lane == '' then return '' end
  redis.call('ZREM', lane_key(lane), id)
  local head = redis.call('ZRANGE', lane_key(lane), 0, 0)[1]
  if not head then return '' end
  local job = read_job(head, 'class', 'due')
  if job.class then wake_at(job.class, head, math.max(now + NEXT_GRACE, num(job.due))) end
  return head
end

-- End a job: state, outcome, event, lane, wake-up and retention in one step.
-- `ending` holds what the caller decided: state, code, result, event, token, keep,
-- remember, cap. Returns the lane's new head. What can fail comes before any write.
local function finish(id, ending, now)
  local key, review = job_key(id), ending.state == 'needs_review'
  local job = read_job(id, 'class', 'lane', 'fp', 'op', 'at', 'runs', 'keyed')
  if not (job.class and job.lane and job.fp) then error('incomplete record: ' .. id) end
  redis.call('XADD', EVENTS, 'MAXLEN', '~', ending.cap, '*', 'event', ending.event)
  redis.call('DEL', key)
  redis.call('HSET', key, 'fp', job.fp, 'state', ending.state, 'op', job.op or '',
    'at', job.at or now, 'ended', now, 'runs', num(job.runs), 'code', ending.code,
    'token', ending.token)
  redis.call('PEXPIRE', key, ending.keep)
  redis.call('SET', result_key(id), ending.result, 'PX', ending.keep)
  if review then
    -- The command stays beside it: a person may want to run it again.
    redis.call('PEXPIRE', command_key(id), ending.keep)
    redis.call('ZADD', REVIEW, now, id)
    redis.call('ZREMRANGEBYSCORE', REVIEW, '-inf', now - ending.keep)
  else
    redis.call('DEL', command_key(id))
  end
  if job.keyed then
    redis.call('SET', tombstone_key(id), job.fp .. ' ' .. ending.state,
      'PX', math.max(ending.keep, ending.remember))
  end
  no_wake(job.class, id)
  local head = leave_lane(job.lane, id, now)
  redis.call('PUBLISH', PREFIX .. 'ended:' .. id, ending.state)
  return head
end
