-- Make jobs of the next rows of a batch and put them in line.
--
-- ARGV     2 id  3 chunk of the cursor, as the caller knows it  4 its offset in that
--          5 rows of that chunk  6 schema version
--          7.. of each row: number, job id, operation, effect, lane, command,
--          Stripe's key ('' = the job's id), since when Stripe has it (ms, 0 = not)
-- Returns  {FED, rows} | {STALE}: another has fed meanwhile, or it is not running
-- Invariant  A row becomes a job once: the cursor moves with it, in file order. A row
--            that has an outcome is not begun again. After a loss of the store the next
--            rows are taken for sent: they may have been fed before it, and forgotten.
local id, chunk, offset = ARGV[2], num(ARGV[3]), num(ARGV[4])
local size, version = num(ARGV[5]), ARGV[6]
local FIELDS_OF_ROW = 8

local key = batch_key(id)
local batch = redis.call('HMGET', key, 'state', 'chunk', 'offset', 'account', 'rate',
  'paced', 'row_events', 'window', 'sure_life', 'seen_life', 'shaken')
if batch[1] ~= 'running' or num(batch[2]) ~= chunk or num(batch[3]) ~= offset then
  return {'STALE'}
end
local now, count = now_ms(), (#ARGV - 6) / FIELDS_OF_ROW
local account = batch[4] ~= DEFAULT_ACCOUNT and batch[4] or nil
local life = life_of_store()
if offset == 0 then redis.call('HSETNX', key, 'left:' .. chunk, size) end
-- A row that is fed as of an older life is one of which the store may have lost a send.
local sure_life, shaken = num(batch[9] or life), num(batch[11])
if num(batch[10] or life) < life then shaken = 2 * num(batch[8]) end

local function feed(number, job_id, op, effect, lane, command, stripe_key, first_sent)
  local record = {'fp', 'row', 'op', op, 'effect', effect, 'class', 'bulk', 'lane', lane,
    'v', version, 'at', now, 'state', 'queued', 'batch', id, 'chunk', chunk, 'row', number}
  local function set(name, value)
    record[#record + 1] = name
    record[#record + 1] = value
  end
  if account then set('acct', account) end
  local as_of = shaken > 0 and sure_life or life
  if as_of > 0 then set('life', as_of) end
  shaken = shaken - 1
  if batch[7] then set('tell', 1) end
  if stripe_key ~= '' then set('key', stripe_key) end
  if num(first_sent) > 0 then
    set('unknown', 1)
    set('first_sent', first_sent)
  end
  redis.call('HSET', job_key(job_id), unpack(record))
  redis.call('SET', command_key(job_id), command)
  redis.call('ZADD', live_key(id), number, chunk .. ':' .. job_id)
  if join_lane(lane, job_id, 'bulk', now) then
    local job = {class = 'bulk', op = op, acct = account, at = now}
    stand_in_line(job_id, job, now)
  end
end

for i = 7, #ARGV, FIELDS_OF_ROW do
  local done = redis.call('HEXISTS', outcomes_key(id, chunk), ARGV[i]) == 1
  if not done and redis.call('EXISTS', job_key(ARGV[i + 1])) == 0 then
    feed(unpack(ARGV, i, i + FIELDS_OF_ROW - 1))
  end
end
local is_last = offset + count >= size
redis.call('HSET', key, 'chunk', is_last and chunk + 1 or chunk, 'offset',
  is_last and 0 or offset + count)
redis.call('HINCRBY', key, 'fed', count)
redis.call('HSET', key, 'seen_life', life, 'shaken', math.max(shaken, 0),
  'sure_life', shaken > 0 and sure_life or life)
if num(batch[5]) > 0 then
  local since = paced_from(batch[6], num(batch[5]), now)
  redis.call('HSET', key, 'paced', since + count * 1000 / num(batch[5]))
end
return {'FED', count}
