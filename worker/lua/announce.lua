-- flags: allow-oom
-- Write down what those must know who have no settings: how long workers keep things and
-- trust Stripe's keys, and in which mode their own key is. A test key beside a live
-- worker, which is a slip, must not hush the banner: `live` stays until a worker starts
-- with no other alive.
--
-- ARGV     2 retention ms  3 window of a key ms  4 length of the event stream
--          5 live or test, as the key is  6 boot id  7 horizon ms
-- Returns  {ANNOUNCED}
-- Invariant  A producer that cancels keeps as long as a worker that commits. The mode
--            is `live` while any worker that is alive has a live key.
local mode, boot = ARGV[5], ARGV[6]

if redis.call('HGET', META, 'mode') == 'live' then
  local alive = redis.call('ZRANGEBYSCORE', WORKERS, '(' .. now_ms(), '+inf')
  for _, other in ipairs(alive) do
    if other ~= boot then mode = 'live' end
  end
end
redis.call('HSET', META, 'keep', ARGV[2], 'remember', ARGV[3], 'cap', ARGV[4],
  'mode', mode, 'horizon', ARGV[7])
return {'ANNOUNCED'}
