-- Accept a job: record, lane, wake-up and Celery message in one step.
--
-- ARGV     2 id  3 fingerprint  4 operation  5 effect  6 class  7 lane ('' = none)
--          8 not_before  9 deadline: ms since the epoch, "+ms" from now, or 0 = none
--          10 schema version
--          11 keyed (1 = the producer gave an idempotency key)  12 command
--          13 queue's list  14 Celery message ('' = the caller rings)
--          15 inbox stream ('' = it did not come from there)  16 group  17 entry
--          18 account
--          19 when (1 = it waits for what a worker is to find the moment of)
-- Returns  {ACCEPTED | SAME | CONFLICT, state, time of the last upkeep pass or 0,
--          1 if the caller is to ring, else 0}
-- Invariant  An accepted job has a wake-up of its own, stands behind a live head, or in
--            a line whose gate is looked at.
--            The same id never becomes two jobs. An inbox entry goes when it is a job.
local id, fp, operation, effect = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local class, lane = ARGV[6], ARGV[7]
local not_before, deadline = ARGV[8], ARGV[9]
local version, keyed, command = ARGV[10], ARGV[11] == '1', ARGV[12]
local queue, message = ARGV[13], ARGV[14]
local inbox, group, entry = ARGV[15], ARGV[16], ARGV[17]
local account, when = ARGV[18], ARGV[19] == '1'

local function taken_from_inbox()
  if inbox == '' then return end
  redis.call('XACK', inbox, group, entry)
  redis.call('XDEL', inbox, entry)
end

local pulse = num(redis.call('GET', PULSE))
local known = read_job(id, 'fp', 'state')
if not known.fp then
  local stone = redis.call('GET', tombstone_key(id))
  if stone then known.fp, known.state = string.match(stone, '^(%S+) (%S+)$') end
end
-- What a damaged record was asked for is not known; its id is never a second job.
if known.state and (known.fp or '') == '' then known.fp = fp end
if known.fp and known.fp ~= fp then return {'CONFLICT', known.state, pulse, 0} end
if known.fp then
  taken_from_inbox()
  return {'SAME', known.state, pulse, 0}
end

local now = now_ms()
deadline = moment(deadline, now)
local state, ring = accept(id, {
  fp = fp, op = operation, effect = effect, class = class, lane = lane, v = version,
  acct = account ~= DEFAULT_ACCOUNT and account or nil,
  deadline = deadline > 0 and deadline or nil, keyed = keyed and 1 or nil,
  not_before = moment(not_before, now), command = command, queue = queue,
  message = message, when = when and 1 or nil,
}, now)
taken_from_inbox() -- at the very end: what fails before it leaves the entry there
return {'ACCEPTED', state, pulse, ring}
