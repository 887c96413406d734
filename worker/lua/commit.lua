-- flags: allow-oom
-- End a job: its terminal state and its one terminal event, together.
--
-- ARGV     2 id  3 token  4 state  5 code  6 result  7 event
--          8 unknown (1 = some request has no answer)
--          9 retention ms  10 window of a key ms  11 length of the event stream
-- Returns  {COMMITTED, next of the lane or ''} | {SUPERSEDED} | {UNPROVEN}
-- Invariant  Terminal is written once. What the caller calls unknown it cannot end as
--            failed or cancelled.
local id, token, state = ARGV[2], ARGV[3], ARGV[4]

local job = read_job(id, 'state', 'token')
if job.state and TERMINAL[job.state] and job.token == token then
  return {'COMMITTED', ''} -- the same call, repeated because its answer was lost
end
if not is_mine(job, token) then return {'SUPERSEDED'} end
if ARGV[8] == '1' and (state == 'failed' or state == 'cancelled') then
  return {'UNPROVEN'}
end
return {'COMMITTED', finish(id, {
  state = state, code = ARGV[5], result = ARGV[6], event = ARGV[7], token = token,
  keep = num(ARGV[9]), remember = num(ARGV[10]), cap = num(ARGV[11]),
}, now_ms())}
