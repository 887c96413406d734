-- Rows that must not begin: their batch is paused, held or cancelled.
--
-- Such a row is parked: it has no wake-up and stands in no line, but keeps its place in
-- its customer's lane. It goes on when its batch does, or when somebody urgent waits
-- behind it. What was begun is never parked: it is resolved.

local SWEEP = 200 -- rows that one look at a batch goes through
local LOOK_ALL_AGAIN = 30000 -- ms; for rows whose record is gone

-- Since when the rows of a batch with a rate of its own have not been used up: a second
-- of them is saved at most, or one row, if that takes longer.
local function paced_from(paced, rate, now)
  return math.max(num(paced), now - math.max(1000, 1000 / rate + 1))
end

-- Whether a job is a row that must not begin. It is parked then, and the batch is told.
local function park(id, job)
  if not job.batch or num(job.unknown) == 1 then return false end
  local state = redis.call('HGET', batch_key(job.batch), 'state')
  if state == 'running' then return false end
  if job.class ~= 'bulk' and state ~= 'cancelling' then return false end -- hurried
  leave_line(id, job)
  no_wake(job.class, id)
  redis.call('HDEL', job_key(id), 'line', 'due', 'permit')
  redis.call('HSET', job_key(id), 'state', 'queued', 'parked', 1)
  redis.call('HDEL', batch_key(job.batch), 'swept')
  return true
end

-- Look at one row in flight: park it, let it go on, or end it, as its batch has it. What
-- may have been sent goes on whatever the batch is: it is resolved.
local function sweep_row(batch, state, member, row, store, now)
  local chunk, id = string.match(member, '^(%d+):(.+)$')
  local fine, job = pcall(read_job, id, 'state', 'line', 'parked', 'class', 'op', 'acct',
    'at', 'deadline', 'unknown', 'batch', 'life', 'effect', 'outside', 'due')
  if not fine then return end -- whoever claims it finds that out
  local sent = num(job.unknown) == 1 or may_have_lost(job, store.life, store.back)
  if not job.batch then
    -- Laid aside, being damaged. Whether it was done nobody knows.
    redis.call('ZREM', live_key(batch), member)
    end_row({batch = batch, chunk = chunk, row = row}, 'needs_review',
      'record_unreadable', bare_outcome('needs_review', 'record_unreadable', now, false), now)
  elseif state == 'running' or sent then
    if job.parked then
      redis.call('HDEL', job_key(id), 'parked')
      stand_in_line(id, job, now)
    end
  elseif state == 'cancelling' and job.state ~= 'running' then
    finish(id, {state = 'cancelled', code = 'batch_cancelled', event = ''}, now)
  elseif job.line then
    park(id, job)
  end
end

-- Go through some of the rows in flight, at each look, until all were gone through since
-- the batch changed its state. True when they were.
local function sweep(id, batch, now)
  local key, goal = batch_key(id), 'done:' .. batch.state
  if batch.swept == goal and now - num(batch.swept_at) < LOOK_ALL_AGAIN then return true end
  local from = num(string.match(batch.swept or '', '^' .. batch.state .. ':(%d+)$'))
  local rows = redis.call('ZRANGE', live_key(id), from, '+inf', 'BYSCORE', 'LIMIT', 0,
    SWEEP, 'WITHSCORES')
  local store = {}
  store.life, store.back = life_of_store()
  for i = 1, #rows, 2 do sweep_row(id, batch.state, rows[i], rows[i + 1], store, now) end
  local over = #rows < 2 * SWEEP
  local mark = over and goal or batch.state .. ':' .. num(rows[#rows]) + 1
  redis.call('HSET', key, 'swept', mark, 'swept_at', now)
  return over
end
