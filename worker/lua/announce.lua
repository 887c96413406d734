-- flags: allow-oom
-- Write down how long workers keep things, for those who end jobs without settings.
--
-- ARGV     2 retention ms  3 window of a key ms  4 length of the event stream
-- Returns  {ANNOUNCED}
-- Invariant  A producer that cancels keeps as long as a worker that commits.
redis.call('HSET', META, 'keep', ARGV[2], 'remember', ARGV[3], 'cap', ARGV[4])
return {'ANNOUNCED'}
