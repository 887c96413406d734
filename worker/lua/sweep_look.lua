-- flags: allow-oom
-- Say what a sweep would do with the next undecided jobs, and do nothing.
--
-- ARGV     2 place after which to look (0 = from the first)
--          3 place up to which ('' = the last there is)  4 most jobs
-- Returns  {LOOKED, place of the last one, place up to which, what was counted and how
--          many, in pairs...}
-- Invariant  No job changes, nor does any sweep.
local last = ARGV[3]
if last == '' then last = num(redis.call('HGET', META, 'undecided')) end

local function nothing() end

local counts, cursor = consider(num(ARGV[2]), num(last), num(ARGV[4]), now_ms(), nothing,
  nothing)
local reply = {'LOOKED', num(cursor), num(last)}
for what, count in pairs(counts) do
  reply[#reply + 1] = what
  reply[#reply + 1] = count
end
return reply
