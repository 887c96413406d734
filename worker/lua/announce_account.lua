-- flags: allow-oom
-- Write down what the workers' settings say of an account, where it is not known or has
-- changed. A changed key releases an account that was suspended.
--
-- ARGV     2 account  3 changed (1 = since this worker said it last, or by its start)
--          4 id of the key  5 live or test  6 requests a second  7 of each operation
--          8 burst ms  9 most requests in flight  10 longest life of a request, ms
--          11 event of a release  12 length of the event stream
--          13.. operation, its own requests a second ...
-- Returns  {ANNOUNCED | KNOWN | RESUMED}
-- Invariant  Who only repeats what others may have changed meanwhile changes nothing.
local account, changed, id = ARGV[2], ARGV[3] == '1', ARGV[4]
local key = account_key(account)

local now = now_ms()
redis.call('HSET', key, 'said', now)
local refused = redis.call('HGET', key, 'refused_key')
local released = refused and refused ~= id
if not changed and redis.call('HEXISTS', key, 'rate') == 1 then
  -- Who was away and is back: that nobody had a key is over.
  if refused == '' and resume(account, ARGV[11], num(ARGV[12]), now) then return {'RESUMED'} end
  return {'KNOWN'}
end
-- Marks that were made at other rates say nothing of these.
redis.call('HDEL', key, 't')
for _, op in ipairs(OPERATIONS) do redis.call('HDEL', key, 'each:' .. op, 't:' .. op) end
redis.call('HSET', key, 'key', id, 'mode', ARGV[5], 'rate', ARGV[6], 'each', ARGV[7],
  'burst', ARGV[8], 'cap', ARGV[9], 'life', ARGV[10])
for i = 13, #ARGV, 2 do redis.call('HSET', key, 'each:' .. ARGV[i], ARGV[i + 1]) end
redis.call('SADD', ACCOUNTS, account)
if released and resume(account, ARGV[11], num(ARGV[12]), now) then return {'RESUMED'} end
return {'ANNOUNCED'}
