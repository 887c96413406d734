-- Rows of batches: jobs that end in one outcome of their batch instead of an event.
--
-- `batch:{id}` holds state, why, rows, chunks, uploaded, chunk and offset (the cursor: the
-- next row to be fed), fed, window, rate, canary, max_errors, and counts: succeeded, failed,
-- needs_review, unprocessed, code:{code}. `left:{chunk}`: rows of a chunk that was begun and
-- that have no outcome yet. `batch:{id}:live` has the rows in flight, `{chunk}:{job}` by row.

local BATCHES, ACTIVE = PREFIX .. 'batches', PREFIX .. 'batches:active'
local FEWEST_JUDGED = 20 -- rows that have ended, below which a share says nothing
local UPLOAD_KEPT = 2592000000 -- ms; of one that nobody goes on with
local ENDED_BATCH = {completed = true, cancelled = true}

local function batch_key(batch) return PREFIX .. 'batch:' .. batch end
local function chunk_key(batch, n) return batch_key(batch) .. ':chunk:' .. n end
local function outcomes_key(batch, n) return batch_key(batch) .. ':out:' .. n end
local function live_key(batch) return batch_key(batch) .. ':live' end
local function whole_key(batch) return batch_key(batch) .. ':whole' end
local function tell_key(batch) return batch_key(batch) .. ':tell' end

-- Let a batch be in a state, and have that told: a worker writes the event.
local function move_batch(batch, state, why, now)
  redis.call('HSET', batch_key(batch), 'state', state, 'why', why, 'since', now)
  if state == 'held' then redis.call('HSET', batch_key(batch), 'was_held', 1) end
  redis.call('RPUSH', tell_key(batch), string.format('%s %.0f %s', state, now, why))
end

-- Hold a batch of which too large a share fails, of what ended since it was let go. One
-- of which every row has ended is over: there is nothing to hold.
local function brake(batch, now)
  local v = redis.call('HMGET', batch_key(batch), 'max_errors', 'state', 'succeeded',
    'failed', 'needs_review', 'judged_from', 'failed_from', 'rows', 'unprocessed')
  if not v[1] or v[2] ~= 'running' then return end
  local bad = num(v[4]) + num(v[5])
  if num(v[3]) + bad + num(v[9]) >= num(v[8]) then return end
  local ended = num(v[3]) + bad - num(v[6])
  bad = bad - num(v[7])
  if ended >= FEWEST_JUDGED and bad > num(v[1]) * ended then
    move_batch(batch, 'held', 'errors', now)
  end
end

-- Write down how a row ended. A row whose outcome is written is never run again.
local function end_row(job, state, code, outcome, now)
  local key, out = batch_key(job.batch), outcomes_key(job.batch, job.chunk)
  if redis.call('TYPE', out).ok == 'string' then return end -- all of its chunk have ended
  if redis.call('HSETNX', out, job.row, outcome) == 0 then return end
  redis.call('HINCRBY', key, state, 1)
  if state ~= 'succeeded' then redis.call('HINCRBY', key, 'code:' .. code, 1) end
  if redis.call('HINCRBY', key, 'left:' .. job.chunk, -1) == 0 then
    redis.call('HDEL', key, 'left:' .. job.chunk)
    redis.call('RPUSH', whole_key(job.batch), job.chunk)
  end
  brake(job.batch, now)
end

-- An outcome that no worker wrote, in the shape of theirs.
local function bare_outcome(state, code, now, retryable)
  return string.format('["%s","%s","","",0,%.0f,%s,%s,"",0,""]', state, code, now,
    tostring(retryable), tostring(not retryable))
end
