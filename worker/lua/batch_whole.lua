-- flags: allow-oom
-- Put the outcomes of a chunk that is whole in the place of those of its rows.
--
-- ARGV     2 id  3 chunk  4 outcomes, compressed
-- Returns  {DONE | STALE}
-- Invariant  Nothing is dropped: the caller read them when no row of the chunk was left.
--            They go with their batch, whose end may have been told meanwhile.
local id, chunk = ARGV[2], ARGV[3]

if redis.call('LINDEX', whole_key(id), 0) ~= chunk then return {'STALE'} end
redis.call('SET', outcomes_key(id, chunk), ARGV[4], 'KEEPTTL')
redis.call('LPOP', whole_key(id))
return {'DONE'}
