-- Watches: following a bank account until it is verified, or until that is over.
--
-- `watch:{target}` holds id, state, account, customer, source, reference, added, opened,
-- next (its next moment), turn; once planned: arrives, reminders, expires; told (how often
-- `due` was); look (the job that reads its status, while it does), seen (what that found:
-- a status, `gone`, or '' = no answer), found, why, by (what a job of ours made of it),
-- status and looked_at (what was seen last). `watches` has those that live, by their next
-- moment, `watches:ended` the others, by their end.
--
--   from          to        script              when
--   nothing       new       watch_open, commit  asked for; a create that said so is done
--   new           waiting   watch_turn          it is planned when deposits arrive
--   waiting, due  the same  watch_turn          its moment has come: a look is submitted
--   waiting, due  the same  commit              the look has ended (else: is given up)
--   waiting       due       watch_turn          looked at, not verified: told
--   due           due       watch_turn          likewise, at a reminder: told
--   waiting, due  expired   watch_turn          likewise, at its last moment: told
--   any of these  the same  commit              a verify or a delete of ours decided it
--   any of these  verified  watch_turn          it is, as was found or seen: told
--   any of these  failed    watch_turn          it cannot be any more, likewise: told
--   any of these  deleted   watch_turn          it is gone, likewise: told
--   any of these  expired   watch_turn          its record is damaged: told
--   any of these  cancelled watch_cancel        asked for: told
--   any ended     new       watch_open, commit  asked for again: another watch
--
-- Whatever is written moves `turn`, and a turn is taken only by who knows it: so each is
-- taken once, and what it tells is told once, whoever takes it and how often.

local WATCHES, ENDED_WATCHES = PREFIX .. 'watches', PREFIX .. 'watches:ended'
local ENDED_WATCH = {
  verified = true, failed = true, deleted = true, expired = true, cancelled = true,
}
local NO_SUCH_SOURCE = 'resource_missing' -- code of a look, as Stripe has it
local WRONG_MODE = 'similar object exists in' -- with it, in the message: the key is wrong

local function watch_key(target) return PREFIX .. 'watch:' .. target end

-- Let nobody take the present turn of a watch any more. A number that is damaged begins
-- anew: what was told must never be told again because of it.
local function move_turn(key)
  redis.call('HSET', key, 'turn', num(redis.call('HGET', key, 'turn')) + 1)
end

-- Let somebody take the next turn of a watch at this moment, and nobody the present one.
local function attend(target, when)
  move_turn(watch_key(target))
  redis.call('HSET', watch_key(target), 'next', when)
  redis.call('ZADD', WATCHES, when, target)
end

-- Begin to watch. `watch` holds id, account, customer, source, reference, added (ms; 0 =
-- now). Returns OPENED or, where one lives already, SAME; its id; its state.
local function open_watch(target, watch, now)
  local key = watch_key(target)
  local known = redis.call('HMGET', key, 'id', 'state')
  if known[1] == watch.id then return 'OPENED', known[1], known[2] end -- repeated
  if known[1] and not ENDED_WATCH[known[2]] then return 'SAME', known[1], known[2] end
  redis.call('DEL', key)
  redis.call('ZREM', ENDED_WATCHES, target)
  local added = num(watch.added)
  redis.call('HSET', key, 'id', watch.id, 'state', 'new', 'account', watch.account,
    'customer', watch.customer, 'source', watch.source, 'reference', watch.reference,
    'added', added > 0 and added or now, 'opened', now, 'told', 0)
  attend(target, now)
  return 'OPENED', watch.id, 'new'
end

-- End a watch; its event is told by the caller, in the same script. `keep` is for how
-- long (ms) it can be read.
local function close_watch(target, state, now, keep)
  local key = watch_key(target)
  move_turn(key)
  redis.call('HSET', key, 'state', state, 'ended', now)
  redis.call('HDEL', key, 'next', 'look', 'seen', 'found')
  redis.call('PEXPIRE', key, keep)
  redis.call('ZREM', WATCHES, target)
  redis.call('ZADD', ENDED_WATCHES, now, target)
  redis.call('ZREMRANGEBYSCORE', ENDED_WATCHES, '-inf', now - keep)
end

-- Write down what a job of ours made of a watched account: found is verified, failed or
-- deleted. A turn tells it. An account that nobody watches is none of this.
local function end_watch(target, found, why, by, now)
  local key = watch_key(target)
  local known = redis.call('HMGET', key, 'state', 'found')
  if not known[1] or ENDED_WATCH[known[1]] or known[2] then return end
  redis.call('HSET', key, 'found', found, 'why', why, 'by', by)
  attend(target, now)
end

-- Write down what a look saw. One that came too late, or whose watch is over, saw nothing.
local function end_look(target, look, ending, now)
  local key = watch_key(target)
  if redis.call('HGET', key, 'look') ~= look then return end
  local seen = ''
  if ending.code == NO_SUCH_SOURCE and not string.find(ending.result, WRONG_MODE, 1, true) then
    seen = 'gone'
  end
  if ending.state == 'succeeded' then
    local fine, source = pcall(cjson.decode, ending.result)
    local status = fine and type(source) == 'table' and source.status
    if type(status) == 'string' then seen = status end
  end
  redis.call('HDEL', key, 'look')
  redis.call('HSET', key, 'seen', seen)
  if seen ~= '' then redis.call('HSET', key, 'looked_at', now) end
  attend(target, now)
end

-- Write down what the end of a job means to a watch. `note` is a list: empty; `open`,
-- target, id, account, customer, source, reference; or `end`, target, found, why.
local function note_watch(note, job_id, now)
  local function write()
    if note[1] == 'open' then
      open_watch(note[2], {id = note[3], account = note[4], customer = note[5],
        source = note[6], reference = note[7]}, now)
    elseif note[1] == 'end' then
      end_watch(note[2], note[3], note[4], job_id, now)
    end
  end
  pcall(write) -- a watch that is damaged keeps no job from ending
end
