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

-- Add a line to a job's story: the moment, and a JSON object without any parameters.
local function tell_story(id, now, line)
  if line == '' then return end
  -- pcall: a story that cannot be told must not leave an ending half written.
  redis.pcall('RPUSH', log_key(id), string.format('%.0f ', now) .. line)
  redis.pcall('LTRIM', log_key(id), -LONGEST_STORY, -1)
end
