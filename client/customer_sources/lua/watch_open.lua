-- Begin to watch a bank account, or find the watch that it has.
--
-- ARGV     2 target  3 id of a new watch  4 account  5 customer  6 source
--          7 reference  8 when its deposits were sent, ms since the epoch (0 = now)
-- Returns  {OPENED | SAME, id, state}
-- Invariant  An account has one watch at most that lives. One that has ended has been
--            told, and makes room for another.
local word, id, state = open_watch(ARGV[2], {
  id = ARGV[3], account = ARGV[4], customer = ARGV[5], source = ARGV[6],
  reference = ARGV[7], added = ARGV[8],
}, now_ms())
return {word, id, state}
