-- flags: allow-oom
-- Take a turn of a watch: write what it comes to, tell it, and begin a look.
--
-- ARGV     2 target  3 id of the watch  4 turn, as the caller knows it ('' = it has none)
--          5 state that it comes to  6 its next moment, ms since the epoch
--          7 event ('' = nothing is told)  8 length of the event stream  9 retention ms
--          10 id of a look's job ('' = none is begun)  11 its command  12 its account
--          13 its deadline, ms since the epoch  14 schema version
--          15 its queue's list  16 its Celery message
--          17.. names and values of the record that change ('' = it is not there any more)
-- Returns  {TAKEN | STALE}: somebody else took it, or more is known since
-- Invariant  A turn is taken once, and with it is told what it tells. After a watch has
--            ended there is none.
local target, state, look = ARGV[2], ARGV[5], ARGV[10]
local key = watch_key(target)

local known = redis.call('HMGET', key, 'id', 'turn', 'state')
local same = (known[1] or '') == ARGV[3] and (known[2] or '') == ARGV[4]
if not same or ENDED_WATCH[known[3]] or redis.call('EXISTS', key) == 0 then
  return {'STALE'}
end
local now = now_ms()
if ARGV[7] ~= '' then
  redis.call('XADD', EVENTS, 'MAXLEN', '~', num(ARGV[8]), '*', 'event', ARGV[7])
end
local changes = {unpack(ARGV, 17)}
for i = 1, #changes, 2 do
  if changes[i + 1] == '' then redis.call('HDEL', key, changes[i])
  else redis.call('HSET', key, changes[i], changes[i + 1]) end
end
if ENDED_WATCH[state] then
  close_watch(target, state, now, num(ARGV[9]))
  return {'TAKEN'}
end
redis.call('HSET', key, 'state', state)
attend(target, num(ARGV[6]))
if look ~= '' then
  redis.call('HSET', key, 'look', look)
  accept(look, {
    fp = 'look', op = 'get', effect = 'none', class = 'scheduled', lane = '',
    v = ARGV[14], acct = ARGV[12] ~= DEFAULT_ACCOUNT and ARGV[12] or nil,
    deadline = ARGV[13], watch = target, not_before = 0, command = ARGV[11],
    queue = ARGV[15], message = ARGV[16],
  }, now)
end
return {'TAKEN'}
