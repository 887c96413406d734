-- What only the worker's scripts share; loaded behind the client's prelude.

local POISON_AGAIN = 30000 -- until a damaged record is named again, if nobody ended it
local EFFECTS = {none = true, keyed = true, plain = true}
local LIVE = {queued = true, running = true, waiting = true}
-- All that a run relies on: whole numbers, where they are there at all, and words.
local NUMBERS = {
  'v', 'due', 'runs', 'waits', 'crashes', 'rings', 'life', 'unknown', 'ask', 'sent',
  'lease_until', 'quiet_until', 'first_sent', 'last_sent', 'tried_since', 'deadline',
  'line', 'stood', 'permit', 'parked', 'chunk', 'row', 'guesses', 'leave', 'when',
}
local WORDS = {
  'state', 'fp', 'op', 'effect', 'class', 'lane', 'acct', 'outside', 'token', 'ended',
  'code', 'keyed', 'batch', 'at',
}
local FIELDS = {unpack(NUMBERS)}
for _, name in ipairs(WORDS) do FIELDS[#FIELDS + 1] = name end

local function is_whole(value)
  return #value <= 18 and string.find(value, '^%-?%d+$') ~= nil
end

-- Whether a live job's record says what it must, and nothing that makes no sense.
local function is_sound(job)
  for _, name in ipairs(NUMBERS) do
    if job[name] and not is_whole(job[name]) then return false end
  end
  local named = (job.fp or '') ~= '' and (job.op or '') ~= '' and job.lane
  return LIVE[job.state] and EFFECTS[job.effect] and CLASSES[job.class] and named and true
end

-- Where a job stands in its lane: HEAD, BEHIND or OUT; nil where the lane is none.
local function place_of(lane, id)
  if lane == '' then return 'HEAD' end
  local line = redis.pcall('ZRANGE', lane_key(lane), 0, 0)
  if line.err then return nil end
  if line[1] == id then return 'HEAD' end
  return redis.call('ZSCORE', lane_key(lane), id) and 'BEHIND' or 'OUT'
end

-- Whether a job without a state was accepted and never ended: what is left of its
-- record, or the command, which has a life of its own only as long as the job lives.
local function is_bereft(id)
  if redis.call('EXISTS', tombstone_key(id)) == 1 then return false end
  return redis.call('EXISTS', job_key(id)) == 1
    or redis.call('PTTL', command_key(id)) == -1
end

-- Read all that a run needs of a job, and judge it before anything is written.
-- Returns the record; why it cannot be run (MISSING, FINISHED, NEWER, UNREADABLE) or
-- nil; its command; its place in the lane.
local function examine(id, version)
  local fine, job = pcall(read_job, id, unpack(FIELDS))
  if not fine then return {}, 'UNREADABLE' end
  if TERMINAL[job.state] or job.ended then return job, 'FINISHED' end
  if not job.state then
    if redis.call('EXISTS', tombstone_key(id)) == 1 then return job, 'FINISHED' end
    return job, is_bereft(id) and 'UNREADABLE' or 'MISSING'
  end
  if is_whole(job.v or '') and num(job.v) > version then return job, 'NEWER' end
  local command = redis.pcall('GET', command_key(id)) or ''
  if type(command) ~= 'string' or not is_sound(job) then return job, 'UNREADABLE' end
  local place = place_of(job.lane, id)
  if not place or (place == 'OUT' and not job.outside) then return job, 'UNREADABLE' end
  return job, nil, command, place
end

-- Upkeep's two ways not to ring for a job: later, and not at all.
local function not_before(class, id, when)
  wake_at(class, id, when)
  return false
end

local function drop(class, id)
  no_wake(class, id)
  return false
end

-- Keep a member that nobody could use for those who look into it; bounded.
local function note_poison(member)
  redis.pcall('LPUSH', POISON, member)
  redis.pcall('LTRIM', POISON, 0, 999)
  redis.pcall('EXPIRE', POISON, 2592000)
end

-- Whether this token still may write: the run is the holder, or was late and nobody
-- else has claimed the job since. Anything else was superseded.
local function is_mine(job, token)
  return job.token == token and (job.state == 'running' or job.state == 'queued')
end
