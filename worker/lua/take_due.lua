-- flags: allow-oom
-- One pass of upkeep: everything whose time has come is made ready and named, so that
-- the caller can ring Celery for it.
--
-- ARGV     2 most ids a class  3 lease ms  4 age of `pulse` that means an outage, ms
--          5 queue of interactive  6 queue of scheduled and bulk
--          7 messages in a queue above which nothing is rung again
--          8 time in which an unanswered request can still arrive, ms
-- Returns  {ids of interactive, of scheduled, of bulk, poisoned members, most members
--          of a class that were due}. Whoever is told of a poisoned one lays it aside.
-- Invariant  A member is removed only when its job is gone, has ended or stands behind
--            a live head; or when it names no job. A record that cannot be read never
--            stops the pass, and is named again until somebody has ended it.
local most, lease, outage = num(ARGV[2]), num(ARGV[3]), num(ARGV[4])
local longest, quiet = num(ARGV[7]), num(ARGV[8])
life_of_store() -- noticed here at the latest, before the clock's mark moves on
local now = now_ms()

-- An outage is not a crash: nobody could send a heartbeat, so leases that ran out in
-- it say nothing. Everybody gets one lease more to come back.
local pulse = num(redis.call('GET', PULSE))
if pulse > 0 and now - pulse > outage then
  redis.call('HSET', META, 'amnesty', now + lease)
end
local amnesty = num(redis.call('HGET', META, 'amnesty'))
redis.call('SET', PULSE, now)

local function ring_again(class, id, job)
  local wait = math.min(RING_AGAIN * 2 ^ math.max(num(job.rings) - 1, 0), RING_SLOWEST)
  redis.call('HINCRBY', job_key(id), 'rings', 1)
  wake_at(class, id, now + wait)
  return true
end

local function expire(class, id, job)
  if now < amnesty then
    redis.call('HSET', job_key(id), 'lease_until', amnesty)
    return not_before(class, id, amnesty)
  end
  redis.call('HSET', job_key(id), 'state', 'queued')
  if num(job.sent) == 1 and job.effect ~= 'none' then
    redis.call('HSET', job_key(id), 'unknown', 1, 'quiet_until',
      num(job.last_sent) + quiet)
  end
  -- A holder that lives was only slow; one that is gone may have died of this job.
  land(job.acct or DEFAULT_ACCOUNT, job.op or '', job.token or '', now)
  local gone = num(redis.call('ZSCORE', WORKERS, job.holder or '')) <= now
  if gone then redis.call('HINCRBY', job_key(id), 'crashes', 1) end
  tell_story(id, now, gone and '{"what":"worker_gone"}' or '{"what":"lease_ran_out"}')
  return ring_again(class, id, job)
end

-- What is due for one job. True: ring for it.
local function look_at(class, id, when, crowded)
  local job = read_job(id, 'state', 'due', 'lane', 'outside', 'lease_until', 'sent',
    'last_sent', 'effect', 'holder', 'rings', 'ended', 'class', 'op', 'acct', 'token')
  if TERMINAL[job.state] or job.ended then return drop(class, id) end
  if not job.state then
    if is_bereft(id) then error('no state') end
    return drop(class, id)
  end
  if job.state == 'running' then
    local lease_ends = num(job.lease_until)
    if lease_ends > now then return not_before(class, id, lease_ends) end
    return expire(class, id, job)
  end
  if job.state == 'waiting' then
    if num(job.due) > now then return not_before(class, id, num(job.due)) end
    if job.outside then
      redis.call('HDEL', job_key(id), 'outside')
      join_lane(job.lane, id, class, now)
    end
    redis.call('HSET', job_key(id), 'state', 'queued')
  elseif crowded and num(job.rings) > 0 and when > 0 then
    -- It was rung for, and its message is most likely still in the queue: another would
    -- only lengthen it. One handed back (due since 0) has none, nor has a new head.
    return not_before(class, id, now + RING_SLOWEST)
  end
  local place = place_of(job.lane, id)
  if place == 'HEAD' then return ring_again(class, id, job) end
  if place == 'BEHIND' then return drop(class, id) end
  error('no place in its lane')
end

local poisoned, most_due = {}, 0
local function take(class, queue)
  local crowded = redis.call('LLEN', queue) > longest
  local ids = {}
  local key = wake_key(class)
  local due = redis.call('ZRANGE', key, '-inf', now, 'BYSCORE', 'LIMIT', 0, most,
    'WITHSCORES')
  most_due = math.max(most_due, #due / 2)
  for i = 1, #due, 2 do
    local member, id = due[i], string.sub(due[i], 3)
    local fine, ring = pcall(look_at, class, id, num(due[i + 1]), crowded)
    if string.sub(member, 1, 2) ~= 'j:' then
      redis.call('ZREM', key, member)
      note_poison(member)
      poisoned[#poisoned + 1] = member
    elseif not fine then
      wake_at(class, id, now + POISON_AGAIN)
      poisoned[#poisoned + 1] = member
    elseif ring then
      ids[#ids + 1] = id
    end
  end
  return ids
end

local interactive, scheduled = take('interactive', ARGV[5]), take('scheduled', ARGV[6])
local bulk = take('bulk', ARGV[6])
return {interactive, scheduled, bulk, poisoned, most_due}
