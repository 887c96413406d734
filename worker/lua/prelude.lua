-- What only the worker's scripts share; loaded behind the client's prelude.

-- Whether this token still may write: the run is the holder, or was late and nobody
-- else has claimed the job since. Anything else was superseded.
local function is_mine(job, token)
  return job.token == token and (job.state == 'running' or job.state == 'queued')
end

-- May a request leave now? Marks that one is about to, before any byte does.
-- `job` holds ask, unknown, effect, deadline, first_sent, tried_since; `limits` are
-- horizon and patience in ms; `unknown` is what this run knows by itself.
-- Returns GO, or why not: CANCEL, HORIZON, DEADLINE.
local function mark_send(id, job, limits, unknown, now)
  local changes = job.effect ~= 'none'
  unknown = changes and (unknown or num(job.unknown) == 1)
  if num(job.ask) == 1 and not unknown then return 'CANCEL' end
  local first = num(job.first_sent)
  if unknown and job.effect == 'keyed' and now >= first + limits.horizon then
    return 'HORIZON'
  end
  local since = num(job.tried_since)
  if since == 0 then since = now end
  local deadline = num(job.deadline)
  if deadline == 0 then deadline = since + limits.patience end
  if now >= deadline then return 'DEADLINE' end
  -- The horizon counts from the first send whose answer nobody has: an answer that
  -- was read lets it start anew.
  if not unknown then first = now end
  redis.call('HSET', job_key(id), 'sent', 1, 'first_sent', first, 'last_sent', now,
    'tried_since', since)
  if unknown then redis.call('HSET', job_key(id), 'unknown', 1) end
  return 'GO'
end
