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
local LONGEST_STORY = 100 -- lines kept of a job's story, the latest

local TERMINAL = {
  succeeded = true, failed = true, needs_review = true, cancelled = true,
}

local CLASSES = {interactive = true, scheduled = true, bulk = true}

local function job_key(id) return PREFIX .. 'job:' .. id end
local function command_key(id) return PREFIX .. 'job:' .. id .. ':cmd' end
local function result_key(id) return PREFIX .. 'job:' .. id .. ':result' end
local function log_key(id) return PREFIX .. 'job:' .. id .. ':log' end
local function tombstone_key(id) return PREFIX .. 'done:' .. id end
local function lane_key(lane) return PREFIX .. 'lane:' .. lane end
local function wake_key(class) return PREFIX .. 'wake:' .. class end
local META, PULSE, EVENTS = PREFIX .. 'meta', PREFIX .. 'pulse', PREFIX .. 'events'
local REVIEW, POISON = PREFIX .. 'review', PREFIX .. 'poison'
local WORKERS = PREFIX .. 'workers'

-- A number of a record: 0 where there is none, or where it is no finite number.
local function num(value)
  local number = tonumber(value or 0) or 0
  return number > -math.huge and number < math.huge and number or 0
end

-- Which life of the server this is, counted, and when it was first noticed. A server
-- that was started again, or a replica that took over, may have lost its last writes:
-- that a request was about to leave, say. What it lost was written after `lost:<life>`,
-- the last mark that it kept, and before `back`.
local function life_of_store()
  local info = redis.pcall('INFO', 'server')
  local server = type(info) == 'string' and string.match(info, 'run_id:(%x+)')
  local kept = redis.call('HMGET', META, 'server', 'life', 'back', 'clock', 'offset')
  local life, back = num(kept[2]), num(kept[3])
  if not server or server == kept[1] then return life, back end
  if kept[1] then
    local time = redis.call('TIME')
    life, back = life + 1, time[1] * 1000 + math.floor(time[2] / 1000) + num(kept[5])
    redis.call('HSET', META, 'lost:' .. life, num(kept[4]))
  end
  redis.call('HSET', META, 'server', server, 'life', life, 'back', back)
  return life, back
end

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
  life_of_store() -- what it may have lost is after the mark that moves now
  if offset > 0 then
    local less = math.min(offset, math.ceil((now - mark) / 10))
    now = now - less
    redis.call('HSET', META, 'offset', offset - less)
  end
  redis.call('HSET', META, 'clock', now)
  return now
end

-- Whether a request of this job may have left unknown to the store, because the job is
-- older than the server's present life. `job` holds life, effect, outside, due.
local function may_have_lost(job, life, back)
  if num(job.life) >= life or job.effect == 'none' then return false end
  return not (job.outside and num(job.due) > back) -- nothing leaves before it is due
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

-- Take a job out of its lane and give the new head a wake-up of its own: until now it
-- had none, being behind a live head. Returns the new head's id, or ''.
local function leave_lane(lane, id, now)
  if lane == '' then return '' end
  redis.call('ZREM', lane_key(lane), id)
  local head = redis.call('ZRANGE', lane_key(lane), 0, 0)[1]
  if not head then return '' end
  -- One that cannot be read is woken too: whoever looks at it finds that out, and ends it.
  local fine, job = pcall(read_job, head, 'class', 'due')
  if not fine then job = {} end
  local class = CLASSES[job.class] and job.class or 'interactive'
  wake_at(class, head, math.max(now + NEXT_GRACE, num(job.due)))
  return head
end

-- Add a line to a job's story: the moment, and a JSON object without any parameters.
local function tell_story(id, now, line)
  if line == '' then return end
  -- pcall: a story that cannot be told must not leave an ending half written.
  redis.pcall('RPUSH', log_key(id), string.format('%.0f ', now) .. line)
  redis.pcall('LTRIM', log_key(id), -LONGEST_STORY, -1)
end

-- What every record is born with, and what a replay brings along.
local BORN_WITH = {
  'fp', 'op', 'effect', 'class', 'lane', 'v', 'deadline', 'keyed',
  'key', 'unknown', 'first_sent', 'quiet_until',
}

-- Make a job: record, command, lane, wake-up, and the Celery message where it may run at
-- once. `job` holds fields of BORN_WITH (nil: not there) and command, queue, message
-- ('' = the caller rings), not_before (ms; 0 = now).
-- Returns its state, and 1 if the caller is to ring.
local function accept(id, job, now)
  local record, state, ring = {'at', now}, 'queued', 0
  local function set(name, value)
    record[#record + 1] = name
    record[#record + 1] = value
  end
  for _, name in ipairs(BORN_WITH) do
    if job[name] then set(name, job[name]) end
  end
  local life = num(redis.call('HGET', META, 'life'))
  if life > 0 then set('life', life) end
  if job.not_before > now then
    -- It stands outside its lane until then, so that it holds nobody up.
    state = 'waiting'
    set('due', job.not_before)
    set('outside', 1)
    wake_at(job.class, id, job.not_before)
  elseif join_lane(job.lane, id) then
    wake_at(job.class, id, now + RING_AGAIN)
    if job.message == '' then
      ring = 1
    else
      redis.call('LPUSH', job.queue, job.message)
      set('rings', 1)
    end
  end
  set('state', state)
  redis.call('HSET', job_key(id), unpack(record))
  redis.call('SET', command_key(id), job.command)
  return state, ring
end

-- What a compacted record keeps for whoever may want to run its command again.
local KEPT_FOR_REVIEW = {
  'class', 'lane', 'v', 'effect', 'first_sent', 'last_sent', 'quiet_until', 'key',
}

-- End a job: state, outcome, event, lane, wake-up and retention in one step.
-- `ending` holds what the caller decided: state, code, result, event, token, keep,
-- remember, cap, and where a person may want to run it again: review, unknown.
-- Returns the lane's new head. What can fail comes before any write.
local function finish(id, ending, now)
  local key = job_key(id)
  local job = read_job(id, 'fp', 'op', 'at', 'runs', 'keyed', unpack(KEPT_FOR_REVIEW))
  if not (job.class and job.lane and job.fp) then error('incomplete record: ' .. id) end
  redis.call('XADD', EVENTS, 'MAXLEN', '~', ending.cap, '*', 'event', ending.event)
  redis.call('DEL', key)
  redis.call('HSET', key, 'fp', job.fp, 'state', ending.state, 'op', job.op or '',
    'at', job.at or now, 'ended', now, 'runs', num(job.runs), 'code', ending.code,
    'token', ending.token)
  if ending.request ~= '' then redis.call('HSET', key, 'request', ending.request) end
  if ending.review then
    -- Its command stays beside it.
    local record = {'review', 1}
    if ending.unknown then record = {'review', 1, 'unknown', 1} end
    for _, name in ipairs(KEPT_FOR_REVIEW) do
      if job[name] then
        record[#record + 1] = name
        record[#record + 1] = job[name]
      end
    end
    redis.call('HSET', key, unpack(record))
    redis.call('PEXPIRE', command_key(id), ending.keep)
    redis.call('ZADD', REVIEW, now, id)
    redis.call('ZREMRANGEBYSCORE', REVIEW, '-inf', now - ending.keep)
  else
    redis.call('DEL', command_key(id))
  end
  tell_story(id, now, ending.story)
  redis.call('PEXPIRE', key, ending.keep)
  redis.call('PEXPIRE', log_key(id), ending.keep)
  redis.call('SET', result_key(id), ending.result, 'PX', ending.keep)
  if job.keyed then
    redis.call('SET', tombstone_key(id), job.fp .. ' ' .. ending.state,
      'PX', math.max(ending.keep, ending.remember))
  end
  no_wake(job.class, id)
  local head = leave_lane(job.lane, id, now)
  redis.call('PUBLISH', PREFIX .. 'ended:' .. id, ending.state)
  return head
end

-- Note in a job in review what a person did with it, and take it out of the index. How
-- it ended is not touched, nor is how long it is kept.
local function settle(id, name, value, story, now)
  redis.call('HSET', job_key(id), name, value)
  redis.call('ZREM', REVIEW, id)
  tell_story(id, now, story)
  redis.call('PEXPIRE', log_key(id), redis.call('PTTL', job_key(id)))
end
