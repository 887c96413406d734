-- flags: allow-oom
-- Ask, before every further request of a run, whether it may leave.
--
-- ARGV     2 id  3 token  4 unknown (1 = an earlier request of this run got no answer)
--          5 horizon ms  6 patience ms
--          7 operation of a GET that settles what is unknown; '' = a try of the job
-- Returns  {GO, ms after which it may leave, 1 = to see whether the key is refused still}
--          | {WAIT, ms after which to ask again}
--          | {CANCEL | HORIZON | DEADLINE | SUPERSEDED}
-- Invariant  No request that could change anything leaves without a mark in the record
--            that one may be out, and none at all without a permit.
local id, token, unknown, read = ARGV[2], ARGV[3], ARGV[4] == '1', ARGV[7]
local limits = {horizon = num(ARGV[5]), patience = num(ARGV[6])}

local job = read_job(id, 'state', 'token', 'ask', 'unknown', 'effect', 'deadline',
  'first_sent', 'tried_since', 'op', 'acct', 'class')
if job.state ~= 'running' or job.token ~= token then return {'SUPERSEDED'} end
local now = now_ms()
-- A read that settles a doubt changes nothing: no limit of the job is for it.
local word = read == '' and why_not(job, limits, unknown, now)
if word then return {word} end
local account, op = job.acct or DEFAULT_ACCOUNT, read == '' and job.op or read
local wait, whole = permit(account, op, job.class, 'FURTHER', now)
if not whole then return {'WAIT', wait} end
if whole.rate then take_off(account, job.op, token, wait + num(whole.life), now) end
if read == '' then mark_send(id, job, unknown, now + wait) end
return {'GO', wait, whole.suspended and 1 or 0}
