-- flags: allow-oom
-- Ask, before every further request of a run, whether it may leave.
--
-- ARGV     2 id  3 token  4 unknown (1 = an earlier request of this run got no answer)
--          5 horizon ms  6 patience ms
--          7 read (1 = it only reads, to settle what is unknown: it is not counted)
-- Returns  {GO | CANCEL | HORIZON | DEADLINE | SUPERSEDED}
-- Invariant  No request that could change anything leaves without a mark in the record
--            that one may be out.
local id, token, unknown = ARGV[2], ARGV[3], ARGV[4] == '1'
local limits = {horizon = num(ARGV[5]), patience = num(ARGV[6])}

local job = read_job(id, 'state', 'token', 'ask', 'unknown', 'effect', 'deadline',
  'first_sent', 'tried_since')
if job.state ~= 'running' or job.token ~= token then return {'SUPERSEDED'} end
if ARGV[7] == '1' then return {'GO'} end
return {mark_send(id, job, limits, unknown, now_ms())}
