-- Begin a batch, or find out how far it is.
--
-- ARGV     2 id  3 manifest  4 rows  5 chunks  6 account  7 label
--          8 most rows in flight  9 rows a second (0 = as many as may)
--          10 canary: rows after which it is held (0 = none)
--          11 share of failed rows above which it is held (0 = none)
--          12 not before, ms since the epoch (0 = at once)  13 row events (1 = one each)
-- Returns  {OPENED | SAME, state, chunks uploaded}
-- Invariant  The same plan is the same batch: its settings are those of the first call.
local id = ARGV[2]
local key = batch_key(id)

local known = redis.call('HMGET', key, 'state', 'uploaded')
if known[1] then return {'SAME', known[1], num(known[2])} end
local now = now_ms()
redis.call('HSET', key, 'state', 'uploading', 'since', now, 'created', now,
  'rows', ARGV[4], 'chunks', ARGV[5], 'account', ARGV[6],
  'label', ARGV[7], 'uploaded', 0, 'window', ARGV[8], 'rate', ARGV[9], 'chunk', 0,
  'offset', 0, 'fed', 0, 'not_before', ARGV[12])
if num(ARGV[10]) > 0 then redis.call('HSET', key, 'canary', ARGV[10]) end
if num(ARGV[11]) > 0 then redis.call('HSET', key, 'max_errors', ARGV[11]) end
if ARGV[13] == '1' then redis.call('HSET', key, 'row_events', 1) end
redis.call('SET', key .. ':manifest', ARGV[3])
redis.call('PEXPIRE', key, UPLOAD_KEPT)
redis.call('PEXPIRE', key .. ':manifest', UPLOAD_KEPT)
redis.call('ZADD', BATCHES, now, id)
return {'OPENED', 'uploading', 0}
