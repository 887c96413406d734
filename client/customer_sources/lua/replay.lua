-- Run a job in review again, as a new job with the same command.
--
-- ARGV     2 id  3 new id (made of the old one, so that two operators make the same)
--          4 queue's list  5 Celery message  6 event  7 line for the old job's story
--          8 line for the new one's  9 length of the event stream (where no worker ever
--          said its own)
-- Returns  {REPLAYED | ALREADY, new id, its state or ''} | {NOT_IN_REVIEW, what it is
--          instead} | {MISSING}
-- Invariant  A job is replayed once. Where it is unknown what Stripe did, the new job
--            sends under the key that Stripe has seen, or not at all: it takes over
--            `unknown` and the moment from which the horizon counts.
local id, new = ARGV[2], ARGV[3]

local job = read_job(id, 'state', 'review', 'replayed', 'discarded', 'fp', 'op',
  'effect', 'class', 'lane', 'acct', 'v', 'key', 'unknown', 'first_sent',
  'quiet_until', 'when', 'guesses')
local command = redis.call('GET', command_key(id))
if not job.state then return {'MISSING'} end
local there = read_job(new, 'state').state
if job.replayed or there then return {'ALREADY', job.replayed or new, there or ''} end
if job.discarded then return {'NOT_IN_REVIEW', 'discarded'} end
if not (job.review and command) then return {'NOT_IN_REVIEW', job.state} end
-- Laid aside: a person has to look, and nobody can run it again.
if not job.class then return {'NOT_IN_REVIEW', 'damaged'} end

local now = now_ms()
local again = {
  fp = job.fp, op = job.op, effect = job.effect, class = job.class, lane = job.lane,
  acct = job.acct, v = job.v, not_before = 0, command = command, queue = ARGV[4],
  message = ARGV[5], when = job.when,
}
if num(job.unknown) == 1 then
  again.unknown, again.key = 1, job.key or id
  again.first_sent, again.quiet_until = job.first_sent, job.quiet_until
  again.guesses = job.guesses
end
local cap = num(redis.call('HGET', META, 'cap') or ARGV[9])
-- What can fail comes first: nothing is written that is not told.
redis.call('XADD', EVENTS, 'MAXLEN', '~', cap, '*', 'event', ARGV[6])
local state = accept(new, again, now)
settle(id, 'replayed', new, ARGV[7], now)
tell_story(new, now, ARGV[8])
return {'REPLAYED', new, state}
