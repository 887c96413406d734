-- Sweeps: having verify jobs tried again that wait for nothing but their next try.
--
-- `sweep` is the one that goes on, or the last one: id, state (live, over, told), rule
-- ('' = by hand), slot, began, ended, cursor and last (places in `undecided`: who comes
-- later is not of this sweep), considered, put_forward, and passed:{reason}.
-- `sweep:slots` has the last slot of each rule.

local SWEEP_KEY, SLOTS = PREFIX .. 'sweep', PREFIX .. 'sweep:slots'

-- Why a job that is undecided is not put forward; nil: nothing is in its way.
local function passed_over(id, job, now)
  if TERMINAL[job.state] or job.ended then return 'ended' end
  if not job.state then return is_bereft(id) and 'unreadable' or 'ended' end
  if not (LIVE[job.state] and CLASSES[job.class]) then return 'unreadable' end
  if job.state == 'running' then return 'running' end
  if job.line or job.parked then return 'in_line' end
  if job.outside then return 'scheduled' end
  if num(job.quiet_until) > now then return 'quiet' end
  if job.state == 'queued' or num(job.due) <= now then return 'due' end
end

-- Look at the next undecided jobs, each in its place, and call `go` with those that can be
-- put forward and `drop` with those that are no more. Returns what was counted, and the
-- place of the last one.
local function consider(cursor, last, most, now, go, drop)
  local page = redis.call('ZRANGE', UNDECIDED, '(' .. cursor, last, 'BYSCORE', 'LIMIT', 0,
    most, 'WITHSCORES')
  local counts = {considered = #page / 2, put_forward = 0}
  for i = 1, #page, 2 do
    local id = page[i]
    local fine, job = pcall(read_job, id, 'state', 'due', 'class', 'line', 'parked',
      'outside', 'quiet_until', 'ended')
    local why = not fine and 'unreadable' or passed_over(id, job, now)
    local what = why and 'passed:' .. why or 'put_forward'
    counts[what] = num(counts[what]) + 1
    if not why then go(id, job) elseif why == 'ended' then drop(id) end
  end
  return counts, page[#page] or last
end
