-- How a job is made, how it ends, and what a person may do with it then.

-- What every record is born with, and what a replay brings along.
local BORN_WITH = {
  'fp', 'op', 'effect', 'class', 'lane', 'acct', 'v', 'deadline', 'keyed',
  'key', 'unknown', 'first_sent', 'quiet_until', 'when', 'watch',
  'guesses',
}

-- Whether a job had only to wait if it were rung for: for a permit, behind those of its
-- kind, or behind other messages. In line it costs neither a message nor a claim.
local function has_to_wait(job)
  if redis.call('LLEN', job.queue) >= CROWDED then return true end
  return has_line(job)
end

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
  elseif join_lane(job.lane, id, job.class, now) then
    job.at = now
    if has_to_wait(job) then
      stand_in_line(id, job, now)
    else
      wake_at(job.class, id, now + RING_AGAIN)
      if job.message == '' then
        ring = 1
      else
        redis.call('LPUSH', job.queue, job.message)
        set('rings', 1)
      end
    end
  end
  set('state', state)
  redis.call('HSET', job_key(id), unpack(record))
  redis.call('SET', command_key(id), job.command)
  return state, ring
end

-- What a compacted record keeps for whoever may want to run its command again.
local KEPT_FOR_REVIEW = {
  'class', 'lane', 'acct', 'v', 'effect', 'first_sent', 'last_sent', 'quiet_until',
  'key', 'when', 'guesses',
}

-- End a job of which nothing is left but what it was for.
local function finish_without_trace(id, job, state, now)
  redis.call('DEL', job_key(id), command_key(id), log_key(id))
  no_wake(job.class, id)
  leave_line(id, job)
  local head = leave_lane(job.lane, id, now)
  redis.call('PUBLISH', PREFIX .. 'ended:' .. id, state)
  return head
end

-- End a job that is a row of a batch, of which its outcome is left.
local function finish_row(id, job, ending, now)
  local state, outcome = ending.state, ending.result
  if state == 'cancelled' then
    state, outcome = 'unprocessed', bare_outcome('unprocessed', ending.code, now, true)
  end
  end_row(job, state, ending.code, outcome, now)
  redis.call('ZREM', live_key(job.batch), job.chunk .. ':' .. id)
  return finish_without_trace(id, job, state, now)
end

-- End a job that is a look, of which its watch is told.
local function finish_look(id, job, ending, now)
  pcall(end_look, job.watch, id, ending, now) -- a damaged watch keeps no job from ending
  return finish_without_trace(id, job, ending.state, now)
end

-- End a job: state, outcome, event, lane, wake-up and retention in one step.
-- `ending` holds what the caller decided: state, code, result, event, token, keep,
-- remember, cap, and where a person may want to run it again: review, unknown.
-- Returns the lane's new head. What can fail comes before any write.
local function finish(id, ending, now)
  local key = job_key(id)
  local job = read_job(id, 'fp', 'op', 'at', 'runs', 'keyed', 'line', 'batch', 'chunk',
    'row', 'tell', 'watch', unpack(KEPT_FOR_REVIEW))
  if not (job.class and job.lane and job.fp) then error('incomplete record: ' .. id) end
  if not (job.batch or job.watch) or (job.tell and ending.event ~= '') then
    redis.call('XADD', EVENTS, 'MAXLEN', '~', ending.cap, '*', 'event', ending.event)
  end
  if (job.op or 'verify') == 'verify' then forget_undecided(id) end
  if job.batch then return finish_row(id, job, ending, now) end
  if job.watch then return finish_look(id, job, ending, now) end
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
  leave_line(id, job)
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
