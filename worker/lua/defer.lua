-- flags: allow-oom
-- End a run without ending the job: it is to be looked at again at `due`.
--
-- ARGV     2 id  3 token  4 delay ms  5 counts (1 = this was a run, 0 = only a wait)
--          6 unknown (1 = some request has no answer)  7 quiet_until, ms from now
--          8 line for the job's story  9 spent (0 = the key was refused: patience begins
--          anew)  10 the bank account of a guess ('' = none was made)  11 mark of its
--          pair  12 ms for which guesses are counted
-- Returns  {DEFERRED | SUPERSEDED}
-- Invariant  The place in the lane is kept. `unknown` is what this run could prove.
local id, token, delay = ARGV[2], ARGV[3], num(ARGV[4])
local counts, unknown, quiet = ARGV[5] == '1', ARGV[6] == '1', num(ARGV[7])

local job = read_job(id, 'state', 'token', 'was', 'class', 'ask', 'effect', 'op', 'acct',
  'line', 'key')
if job.state == 'waiting' and job.was == token then return {'DEFERRED'} end
if not is_mine(job, token) then return {'SUPERSEDED'} end

local now = now_ms()
land(job.acct or DEFAULT_ACCOUNT, job.op or '', token, now)
leave_line(id, job) -- where it was put after its lease had run out
local due = now + delay
-- A wish to cancel that can be granted is granted by the next run, now.
if num(job.ask) == 1 and not unknown then due = now end
redis.call('HDEL', job_key(id), 'token', 'holder', 'lease_until', 'sent', 'unknown',
  'quiet_until', 'rings', 'probe', 'leave')
if ARGV[9] == '0' then redis.call('HDEL', job_key(id), 'tried_since') end
redis.call('HSET', job_key(id), 'state', 'waiting', 'due', due, 'was', token)
if unknown then
  redis.call('HSET', job_key(id), 'unknown', 1, 'quiet_until', now + quiet)
end
-- A wait is no run, but many waits in a row make the next one longer.
if counts then
  redis.call('HDEL', job_key(id), 'waits', 'crashes')
else
  redis.call('HINCRBY', job_key(id), 'runs', -1)
  redis.call('HINCRBY', job_key(id), 'waits', 1)
end
tell_story(id, now, ARGV[8])
wake_at(job.class, id, due)
note_undecided(id, job.op)
settle_guess(id, job, ARGV[10], unknown and '' or 'FREE', ARGV[11], num(ARGV[12]), unknown)
return {'DEFERRED'}
