-- flags: allow-oom
-- End a job: its terminal state and its one terminal event, together.
--
-- ARGV     2 id  3 token  4 state  5 code  6 result  7 event
--          8 unknown (1 = some request has no answer)
--          9 retention ms  10 window of a key ms  11 length of the event stream
--          12 review (1 = a person may want to look, or to run it again)
--          13 line for the job's story ('' = the record tells it all)  14 request id
--          15 the bank account of a guess ('' = none was made)  16 what became of it
--          ('' = nobody knows)  17 mark of its pair  18 ms for which guesses are counted
--          19.. what it means to a watch, as note_watch takes it
-- Returns  {COMMITTED, next of the lane or ''} | {SUPERSEDED} | {UNPROVEN} | {UNREADABLE}
--          UNREADABLE: the record was damaged during the run; lay it aside.
-- Invariant  Terminal is written once. What the caller calls unknown it cannot end as
--            failed or cancelled.
local id, token, state = ARGV[2], ARGV[3], ARGV[4]

local fine, job = pcall(read_job, id, 'state', 'token', 'fp', 'class', 'lane', 'op',
  'acct', 'key')
if not fine then return {'UNREADABLE'} end
if job.state and TERMINAL[job.state] and job.token == token then
  return {'COMMITTED', ''} -- the same call, repeated because its answer was lost
end
if not is_mine(job, token) then return {'SUPERSEDED'} end
if ARGV[8] == '1' and (state == 'failed' or state == 'cancelled') then
  return {'UNPROVEN'}
end
if not (job.fp and job.class and job.lane) then return {'UNREADABLE'} end
local now = now_ms()
land(job.acct or DEFAULT_ACCOUNT, job.op or '', token, now)
local head = finish(id, {
  state = state, code = ARGV[5], result = ARGV[6], event = ARGV[7], token = token,
  keep = num(ARGV[9]), remember = num(ARGV[10]), cap = num(ARGV[11]),
  review = ARGV[12] == '1', unknown = ARGV[8] == '1',
  story = ARGV[13], request = ARGV[14],
}, now)
settle_guess(id, job, ARGV[15], ARGV[16], ARGV[17], num(ARGV[18]), ARGV[8] == '1')
note_watch({unpack(ARGV, 19)}, id, now)
return {'COMMITTED', head}
