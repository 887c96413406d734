-- flags: allow-oom
-- Write something, so that a wait for the disk that follows has something to wait for.
--
-- ARGV     nothing but the prefix
-- Returns  {TOUCHED}
-- Invariant  WAITAOF waits for what its own connection wrote. A call that was repeated on
--            another one may have written nothing there, and what it is told of may not
--            be on disk yet.
redis.call('HINCRBY', META, 'touched', 1)
return {'TOUCHED'}
