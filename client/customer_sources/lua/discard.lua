-- flags: allow-oom
-- Take a job out of review that a person has settled elsewhere.
--
-- ARGV     2 id  3 event  4 line for the job's story
--          5 length of the event stream (where no worker ever said its own)
-- Returns  {DISCARDED | ALREADY} | {NOT_IN_REVIEW, what it is instead} | {MISSING}
-- Invariant  The end of the job stays as it was written and told.
local id = ARGV[2]

local job = read_job(id, 'state', 'review', 'replayed', 'discarded')
if not job.state then return {'MISSING'} end
if job.discarded then return {'ALREADY'} end
if job.replayed then return {'NOT_IN_REVIEW', 'replayed'} end
if not job.review then return {'NOT_IN_REVIEW', job.state} end

local now = now_ms()
local cap = num(redis.call('HGET', META, 'cap') or ARGV[5])
redis.call('XADD', EVENTS, 'MAXLEN', '~', cap, '*', 'event', ARGV[3])
settle(id, 'discarded', now, ARGV[4], now)
return {'DISCARDED'}
