-- flags: allow-oom
-- Make jobs due at once that this worker was rung for and will not claim.
--
-- ARGV     2.. ids
-- Returns  {BACK}
-- Invariant  Only the time of a wake-up changes, and only of one that is there: take_due
--            rings for what is due since 0 even where a queue is long.
for i = 2, #ARGV do
  local id = ARGV[i]
  local fine, job = pcall(read_job, id, 'class')
  local class = fine and job.class
  if class then redis.call('ZADD', wake_key(class), 'XX', 0, 'j:' .. id) end
end
return {'BACK'}
