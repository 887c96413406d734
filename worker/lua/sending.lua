-- What has to hold before a request leaves, and what is written down before it does.

-- Why a job may send nothing: CANCEL, HORIZON, DEADLINE; nil: it may. `job` holds ask,
-- unknown, effect, deadline, first_sent, tried_since; `limits` are horizon and patience
-- in ms; `unknown` is what this run knows by itself.
local function why_not(job, limits, unknown, now)
  unknown = job.effect ~= 'none' and (unknown or num(job.unknown) == 1)
  if num(job.ask) == 1 and not unknown then return 'CANCEL' end
  local first, since = num(job.first_sent), num(job.tried_since)
  if unknown and job.effect == 'keyed' and now >= first + limits.horizon then
    return 'HORIZON'
  end
  local deadline = num(job.deadline)
  if deadline == 0 and since > 0 then deadline = since + limits.patience end
  if deadline > 0 and now >= deadline then return 'DEADLINE' end
end

-- Mark that a request leaves at this moment, before any byte of it does.
local function mark_send(id, job, unknown, when)
  unknown = job.effect ~= 'none' and (unknown or num(job.unknown) == 1)
  local first, since = num(job.first_sent), num(job.tried_since)
  -- The horizon counts from the first send whose answer nobody has: an answer that
  -- was read lets it start anew.
  if not unknown then first = when end
  if since == 0 then since = when end
  redis.call('HSET', job_key(id), 'sent', 1, 'first_sent', first, 'last_sent', when,
    'tried_since', since)
  if unknown then redis.call('HSET', job_key(id), 'unknown', 1) end
end

-- Give a job a permit: its requests count as in flight under `name`, the run's token or,
-- until there is a run, the job's id.
local function let_go(id, job, name, whole, now)
  if whole.rate then take_off(job.acct or DEFAULT_ACCOUNT, job.op, name, num(whole.life), now) end
  if whole.suspended then redis.call('HSET', job_key(id), 'probe', 1) end
end

-- Whether a job has a permit for its first request, granted or taken now; without one it
-- is put in line. It never goes before those of its kind that stand there.
local function may_go(id, job, token, now)
  local account = job.acct or DEFAULT_ACCOUNT
  if job.permit then
    local granted = num(job.permit) > now
    local whole = {rate = land(account, job.op, id, now) and 1,
      life = redis.call('HGET', account_key(account), 'life')}
    if granted then
      let_go(id, job, token, whole, now)
      return true
    end
  end
  if not has_line(job) then
    local _, whole = permit(account, job.op, job.class, 'FIRST', now)
    if whole then
      let_go(id, job, token, whole, now)
      return true
    end
  end
  stand_in_line(id, job, now)
  if job.state == 'waiting' then
    redis.call('HDEL', job_key(id), 'due')
    redis.call('HSET', job_key(id), 'state', 'queued')
  end
  return false
end
