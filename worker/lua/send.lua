-- flags: allow-oom
-- Ask, before every further request of a run, whether it may leave.
--
-- ARGV     2 id  3 token  4 unknown (1 = an earlier request of this run got no answer)
--          5 horizon ms  6 patience ms
-- Returns  {GO | CANCEL | HORIZON | DEADLINE | SUPERSEDED}
-- Invariant  No request leaves without a mark in the record that one may be out.
local id, token, unknown = ARGV[2], ARGV[3], ARGV[4] == '1'
local limits = {horizon = num(ARGV[5]), patience = num(ARGV[6])}

local job = read_job(id, 'state', 'token', 'ask', 'unknown', 'effect', 'deadline',
  'first_sent', 'tried_since')
if job.state ~= 'running' or job.token ~= token then return {'SUPERSEDED'} end
return {mark_send(id, job, limits, unknown, now_ms())}
