-- Guesses at the two amounts by which a bank account is verified. Stripe takes three.
--
-- `attempts:{target}` is a hash: `used` (misses that an answer proved), `over` (Stripe lets
-- nobody guess any more), `miss:{mark}` of each pair of amounts that missed, and
-- `held:{key}`, by the Idempotency-Key of a guess that may have reached Stripe and of
-- which nobody knows yet what became: it counts as used, and holds the mark of its pair.
--
--   nothing  -> held   a request leaves                          (send, with its mark there)
--   held     -> missed it missed, an answer says so              (commit)
--   held     -> none   it is proved that nothing was executed    (commit, defer)
--   any      -> held   nobody knows                              (crash, defer, commit: review)
--   any      -> over   Stripe says that the account has failed   (commit)
--   any      -> gone   the account is verified                   (commit)
--
-- A repeat of a held guess, under the same key, costs nothing: Stripe answers from memory.

local MOST_ATTEMPTS = 3

local function attempts_key(target) return PREFIX .. 'attempts:' .. target end
local function held_as(id, job) return 'held:' .. (job.key or id) end

-- What is known of a pair: `mark` tells it in either order, but for its last letter, which
-- tells the order.
local function same_pair(one, other)
  return one ~= '' and string.sub(one, 1, -2) == string.sub(other, 1, -2)
end

-- Whether one more guess may leave. Returns why not (PAIR_MISSED, PAIR_TURNED, PAIR_HELD,
-- EXHAUSTED, LOCKED, RESERVED) or nil; how many others have used; whether this one is
-- held already. `limit` is up to how many it may use: a person's may use all, and repeat
-- what is only likely to miss.
local function may_guess(id, job, target, mark, limit)
  local kept = redis.pcall('HGETALL', attempts_key(target))
  -- What stands in its place cannot be counted: nobody guesses until somebody looks.
  if kept.err then return 'EXHAUSTED', MOST_ATTEMPTS end
  local used, over, missed, turned, held, doubtful = 0, false, false, false, false, false
  local careful = limit < MOST_ATTEMPTS
  for i = 1, #kept, 2 do
    local name, value = kept[i], kept[i + 1]
    if name == 'used' then used = used + num(value)
    elseif name == 'over' then over = true
    elseif name == held_as(id, job) then held = true
    elseif string.sub(name, 1, 5) == 'held:' then
      used, doubtful = used + 1, doubtful or same_pair(mark, value)
    elseif same_pair(mark, string.sub(name, 6)) then
      if string.sub(name, 6) == mark then missed = true else turned = true end
    end
  end
  if held and not missed then return nil, used, true end
  if used >= MOST_ATTEMPTS then return 'EXHAUSTED', used end
  if over then return 'LOCKED', used end
  if missed then return 'PAIR_MISSED', used end
  if turned and careful then return 'PAIR_TURNED', used end
  if doubtful and careful then return 'PAIR_HELD', used end
  if used >= limit then return 'RESERVED', used end
  return nil, used, false
end

local function hold_guess(id, job, target, mark, used, keep)
  local key = attempts_key(target)
  redis.call('HSET', key, held_as(id, job), mark)
  redis.call('PEXPIRE', key, keep)
  redis.call('HSET', job_key(id), 'guesses', used) -- what its event begins to count from
end

-- Write down what became of a guess: MISSED, OVER, FREE or VERIFIED; '' = that is not
-- known, and where `unknown` it counts, even should the store have lost that it left.
-- The last of a run's writes, and never an error: a run that is repeated counts once.
local function settle_guess(id, job, target, became, mark, keep, unknown)
  if target == '' or (became == '' and not unknown) then return end
  local key, held = attempts_key(target), held_as(id, job)
  if became == '' then
    redis.pcall('HSETNX', key, held, mark)
    redis.pcall('PEXPIRE', key, keep)
    return
  end
  if became == 'VERIFIED' then
    redis.call('DEL', key)
    return
  end
  if became ~= 'FREE' then
    redis.pcall('HINCRBY', key, 'used', 1)
    if mark ~= '' then redis.pcall('HSET', key, 'miss:' .. mark, 1) end
    if became == 'OVER' then redis.pcall('HSET', key, 'over', 1) end
    redis.pcall('PEXPIRE', key, keep)
  end
  redis.pcall('HDEL', key, held)
end
