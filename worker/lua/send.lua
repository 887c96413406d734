-- flags: allow-oom
-- Ask, before every further request of a run, whether it may leave. Of a verify before
-- the first one, too: it takes one of the few guesses that its bank account has.
--
-- ARGV     2 id  3 token  4 unknown (1 = an earlier request of this run got no answer)
--          5 horizon ms  6 patience ms
--          7 operation of a GET that settles what is unknown; '' = a try of the job
--          8 the bank account of a guess ('' = none is made)  9 mark of its pair ('' =
--          it has none)  10 guesses that may be used  11 ms for which they are counted
-- Returns  {GO, ms after which it may leave, 1 = to see whether the key is refused still,
--          of a guess: how many others have used}
--          | {WAIT, ms after which to ask again} | {CANCEL | HORIZON | DEADLINE | SUPERSEDED}
--          | {PAIR_MISSED | PAIR_TURNED | PAIR_HELD | EXHAUSTED | LOCKED | RESERVED,
--          guesses used}
-- Invariant  No request that could change anything leaves without a mark in the record
--            that one may be out, and none at all without a permit. No guess leaves that
--            is not counted.
local id, token, unknown, read = ARGV[2], ARGV[3], ARGV[4] == '1', ARGV[7]
local target, mark = ARGV[8], ARGV[9]
local limits = {horizon = num(ARGV[5]), patience = num(ARGV[6])}

local job = read_job(id, 'state', 'token', 'ask', 'unknown', 'effect', 'deadline',
  'first_sent', 'tried_since', 'op', 'acct', 'class', 'key', 'leave',
  'when')
if job.state ~= 'running' or job.token ~= token then return {'SUPERSEDED'} end
if job.when then return {'WAIT', LONGEST_AHEAD} end -- nobody knows yet for how long
local now = now_ms()
-- A read that settles a doubt changes nothing: no limit of the job is for it.
local word = read == '' and why_not(job, limits, unknown, now)
if word then return {word} end
local used, held = 0, true
if target ~= '' then
  word, used, held = may_guess(id, job, target, mark, num(ARGV[10]))
  if word then return {word, used} end
end
local account, op = job.acct or DEFAULT_ACCOUNT, read == '' and job.op or read
local wait, whole = 0, {}
if job.leave and read == '' then
  redis.call('HDEL', job_key(id), 'leave') -- the permit that its claim came with
else
  wait, whole = permit(account, op, job.class, 'FURTHER', now)
end
if not whole then return {'WAIT', wait} end
if whole.rate then take_off(account, job.op, token, wait + num(whole.life), now) end
if not held then hold_guess(id, job, target, mark, used, num(ARGV[11])) end
if read == '' then mark_send(id, job, unknown, now + wait) end
return {'GO', wait, whole.suspended and 1 or 0, target ~= '' and used or nil}
