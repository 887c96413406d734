-- flags: allow-oom
-- Halve a rate, or a bound of what is in flight, after a limiter's answer or a storm.
--
-- ARGV     2 account  3 operation ('' = of the whole account)  4 rate or cap
--          5 why  6 how long ago the request left, ms  7 nonce of this call
-- Returns  {SLOWED | ALREADY | UNKNOWN}
-- Invariant  Many answers to requests that left before the last halving halve nothing
--            more: they say no more than the first. Nor does a call that is repeated,
--            its answer having been lost. What is halved grows back by itself.
local account, op, what, why, age = ARGV[2], ARGV[3], ARGV[4], ARGV[5], num(ARGV[6])
local key, of = account_key(account), op == '' and '' or ':' .. op
local share = (what == 'cap' and 'c' or 'f') .. of
local at = (what == 'cap' and 'c_at' or 'f_at') .. of

if redis.call('HEXISTS', key, 'rate') == 0 then return {'UNKNOWN'} end
local now = now_ms()
local was = redis.call('HMGET', key, share, at, 'halved_by',
  'halved_at:' .. share)
if was[3] == ARGV[7] then return {'SLOWED'} end
local since, left = num(was[4]), share_now(was[1] or nil, was[2], now)
if since > 0 and now - age <= since then
  -- A storm goes on: nothing grows back in it, however late its failures are told.
  if why == 'storm' then
    redis.call('HSET', key, share, string.format('%.6f', left), at, now)
  end
  return {'ALREADY'}
end
redis.call('HSET', key, share, string.format('%.6f', left / 2), at, now, 'why' .. of, why,
  'halved_at:' .. share, now,
  'halved_by', ARGV[7])
redis.call('HINCRBY', key, 'halved' .. of, 1)
return {'SLOWED'}
