-- flags: allow-oom
-- Name watches whose moment has come, with all that a turn of them needs to know.
--
-- ARGV     2 most of them  3 ms after which one whose turn nobody took is named again
-- Returns  now; then of each: target, its record and its guesses, both as HGETALL
-- Invariant  A watch that lives keeps a moment at which somebody looks at it.
local now = now_ms()
local found = {now}

local due = redis.call('ZRANGE', WATCHES, '-inf', now, 'BYSCORE', 'LIMIT', 0, num(ARGV[2]))
for _, target in ipairs(due) do
  local watch = redis.pcall('HMGET', watch_key(target), 'state', 'next')
  local gone = watch.err or redis.call('EXISTS', watch_key(target)) == 0
  if gone or ENDED_WATCH[watch[1]] then
    redis.call('ZREM', WATCHES, target)
  elseif num(watch[2]) > now then
    redis.call('ZADD', WATCHES, num(watch[2]), target)
  else
    redis.call('ZADD', WATCHES, now + num(ARGV[3]), target)
    found[#found + 1] = target
    found[#found + 1] = redis.call('HGETALL', watch_key(target))
    local guesses = redis.pcall('HGETALL', attempts_key(target))
    found[#found + 1] = guesses.err and {} or guesses
  end
end
return found
