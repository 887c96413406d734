-- Store the next chunk of a batch; with the last one the batch starts.
--
-- ARGV     2 id  3 chunk, from 0  4 its bytes
-- Returns  {STORED | SAME | ELSEWHERE, chunks uploaded}; ELSEWHERE: another is next
--          | {MISSING} | {ENDED}
-- Invariant  Chunks are stored in order, each once: an upload that broke off goes on
--            where it was. One that nobody goes on with is gone after 30 days.
local id, n = ARGV[2], num(ARGV[3])
local key = batch_key(id)

local batch = redis.call('HMGET', key, 'state', 'uploaded', 'chunks')
if not batch[1] then return {'MISSING'} end
local uploaded = num(batch[2])
if n < uploaded then return {'SAME', uploaded} end
if batch[1] ~= 'uploading' then return {'ENDED'} end
if n > uploaded then return {'ELSEWHERE', uploaded} end
redis.call('SET', chunk_key(id, n), ARGV[4], 'PX', UPLOAD_KEPT)
redis.call('HSET', key, 'uploaded', n + 1)
redis.call('PEXPIRE', key, UPLOAD_KEPT)
redis.call('PEXPIRE', key .. ':manifest', UPLOAD_KEPT)
if n + 1 == num(batch[3]) then
  redis.call('PERSIST', key)
  redis.call('PERSIST', key .. ':manifest')
  for one = 0, n do redis.call('PERSIST', chunk_key(id, one)) end
  redis.call('SADD', ACTIVE, id)
  local now = now_ms()
  move_batch(id, 'running', 'started', now)
  if redis.call('HGET', key, 'wish') == 'paused' then move_batch(id, 'paused', 'asked', now) end
end
return {'STORED', n + 1}
