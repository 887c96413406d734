-- flags: allow-oom
-- Do what a batch needs besides running its rows, and say what a worker is to do for it.
--
-- ARGV     2 id  3 boot id of the caller  4 ms for which it alone feeds the batch
-- Returns  {LOOK, ms until the next look, cursor's chunk, cursor's offset, rows to feed
--          now, chunk whose outcomes are to be compressed (-1 = none), what is to be
--          told ('' = nothing)} | {GONE}
-- Invariant  A batch ends when every row has an outcome or, cancelled, was never begun.
--            One worker feeds it at a time, and not more than may be in flight.
local id, boot, feeds = ARGV[2], ARGV[3], num(ARGV[4])
local SOON, LATER = 50, 500

local key = batch_key(id)
local names = {'state', 'chunks', 'chunk', 'offset', 'fed', 'window', 'rate', 'canary',
  'not_before', 'feeder', 'feeder_until', 'paced', 'swept', 'swept_at'}
local values = redis.call('HMGET', key, unpack(names))
local batch = {}
for i, name in ipairs(names) do batch[name] = values[i] or nil end
if not batch.state then
  redis.call('SREM', ACTIVE, id)
  return {'GONE'}
end
local now = now_ms()
local all_fed = num(batch.chunk) >= num(batch.chunks)

local function over(state)
  move_batch(id, state, '', now)
  redis.call('HSET', key, 'ended', now)
end

-- How many rows may be fed now.
local function room_for(live)
  if all_fed or num(batch.not_before) > now then return 0 end
  if num(batch.feeder_until) > now and batch.feeder ~= boot then return 0 end
  local room = num(batch.window) - live
  if batch.canary then room = math.min(room, num(batch.canary) - num(batch.fed)) end
  if num(batch.rate) > 0 then
    local since = paced_from(batch.paced, num(batch.rate), now)
    room = math.min(room, math.floor((now - since) * num(batch.rate) / 1000))
  end
  return math.max(0, room)
end

local swept = sweep(id, batch, now)
local live, room = redis.call('ZCARD', live_key(id)), 0
if batch.state == 'running' then
  if all_fed and live == 0 then
    over('completed')
  elseif batch.canary and num(batch.fed) >= num(batch.canary) and live == 0 then
    move_batch(id, 'held', 'canary', now)
  elseif swept then
    room = room_for(live)
    if room > 0 then redis.call('HSET', key, 'feeder', boot, 'feeder_until', now + feeds) end
  end
elseif batch.state == 'cancelling' and live == 0 then
  over('cancelled')
end

local whole = redis.call('LINDEX', whole_key(id), 0)
local tell = redis.call('LINDEX', tell_key(id), 0)
if ENDED_BATCH[batch.state] and not whole and not tell then redis.call('SREM', ACTIVE, id) end
local wait = batch.state == 'running' and SOON or LATER
if room > 0 or whole or tell or not swept then wait = 0 end
return {'LOOK', wait, num(batch.chunk), num(batch.offset), room,
  whole and num(whole) or -1, tell or ''}
