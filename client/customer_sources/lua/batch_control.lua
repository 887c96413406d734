-- flags: allow-oom
-- Pause a batch, let it go on, cancel it, or change how fast it goes.
--
-- ARGV     2 id  3 pause, resume, cancel or throttle
--          4 throttle: rows a second ('' = as before, 0 = as many as may)
--          5 throttle: most rows in flight ('' = as before)
-- Returns  {DONE | ALREADY | ENDED | MISSING, state}
-- Invariant  What was sent is resolved whatever is asked. A row that was not begun when
--            its batch is cancelled is never sent.
local id, verb = ARGV[2], ARGV[3]
local key = batch_key(id)

local batch = redis.call('HMGET', key, 'state', 'succeeded', 'failed', 'needs_review',
  'canary', 'fed', 'was_held')
local state = batch[1]
if not state then return {'MISSING', ''} end
if ENDED_BATCH[state] then return {'ENDED', state} end
local now = now_ms()

if verb == 'throttle' then
  if ARGV[4] ~= '' then redis.call('HSET', key, 'rate', ARGV[4], 'paced', now) end
  if ARGV[5] ~= '' then redis.call('HSET', key, 'window', ARGV[5]) end
  return {'DONE', state}
end
if verb == 'cancel' then
  if state == 'cancelling' then return {'ALREADY', state} end
  redis.call('SADD', ACTIVE, id)
  redis.call('HSET', key, 'state', 'cancelling', 'since', now)
  return {'DONE', 'cancelling'}
end
if state == 'uploading' then -- it starts with its last chunk, and heeds it then
  if verb == 'pause' then redis.call('HSET', key, 'wish', 'paused')
  else redis.call('HDEL', key, 'wish') end
  return {'DONE', state}
end
if verb == 'pause' then
  if state ~= 'running' and state ~= 'held' then return {'ALREADY', state} end
  move_batch(id, 'paused', 'asked', now)
  return {'DONE', 'paused'}
end
if state ~= 'held' and state ~= 'paused' then return {'ALREADY', state} end
-- A canary is over when all of its rows have ended, and were looked at.
local live = redis.call('ZCARD', live_key(id))
if num(batch[6]) >= num(batch[5]) and live == 0 then redis.call('HDEL', key, 'canary') end
if batch[7] then -- what failed until then was looked at: the share is counted anew
  local bad = num(batch[3]) + num(batch[4])
  redis.call('HSET', key, 'judged_from', num(batch[2]) + bad, 'failed_from', bad)
  redis.call('HDEL', key, 'was_held')
end
redis.call('HSET', key, 'paced', now)
move_batch(id, 'running', 'resumed', now)
return {'DONE', 'running'}
