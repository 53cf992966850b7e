-- flags: allow-oom
-- The leader takes a job from a worker that is gone: to the resume lane, or to an end it has earned.
-- KEYS  1 leader  2 job  3 inbox  4 resume lane  5 lane counts  6 lane bytes  7 live  8 worker  9 wake-up  10 dead letters
--       11 ledger
-- ARGV  1 leader token  2 job id  3 fence  4 instance  5 sources of "queued"  6 inbox entry ("" if it has none)
--       7 prefix  8 resume lane's name  9 queue timeout ms of a job whose record says none  10 "1" (a loss) | "0" (none)
--       | "spared" (another job's doing: none, unless that was said too often in a row)  11 most losses
--       12 result if cancelled  13 result if dead-lettered  14 evidence of a loss to add, a JSON object
--       15 dead letters to keep  16 ttl ms of a dead letter's record
--       17 outcome if cancelled  18 outcome if dead-lettered  19... channel, last frame if cancelled, last frame if dead-lettered
-- Returns "queued" | "cancelled" | "dead_lettered" | "stale" | "not_leader"
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'not_leader' end
local state, fence, worker, bytes, cancel, losses, ttl, evidence, timeout, stored = fields_of(KEYS[2], 'state',
  'fence', 'worker', 'bytes', 'cancel', 'losses', 'result_ttl_ms', 'evidence', 'queue_timeout_ms', 'stored')
local ours = fence == ARGV[3] and worker == ARGV[4] and may_become(state, ARGV[5])
if ARGV[6] ~= '' then
  -- Only a fenced inbox may be emptied by another than its worker, unless the entry's job has gone on without it.
  if ours and not fenced(KEYS[8]) then return 'stale' end
  if not ours then redis.pcall('XDEL', KEYS[3], ARGV[6]) end
end
if not ours then return 'stale' end
local spared = ARGV[10] == 'spared' and tonumber(redis.call('HGET', KEYS[2], 'spared') or 0)
local counted = ARGV[10] == '1' or (spared and spared >= tonumber(ARGV[11]))
losses = tonumber(losses) + (counted and 1 or 0)
local is_dead = not cancel and losses >= tonumber(ARGV[11])
-- Whatever is of another type is found out before anything is written.
redis.call('ZCARD', KEYS[7])
redis.call('XLEN', is_dead and KEYS[10] or KEYS[4])
if ARGV[6] ~= '' then redis.pcall('XDEL', KEYS[3], ARGV[6]) end
local now = now_ms()
if spared and not counted then redis.call('HINCRBY', KEYS[2], 'spared', 1) end
if counted then
  redis.call('HDEL', KEYS[2], 'spared')
  evidence = evidence and (evidence .. ',' .. ARGV[14]) or ARGV[14]
  redis.call('HSET', KEYS[2], 'evidence', evidence)
end
local finished, last_frame
if cancel then
  finished, last_frame, state = ARGV[12], 1, 'cancelled'
elseif is_dead then
  finished, last_frame, state = ARGV[13], 2, 'dead_lettered'
  if stored ~= '' then ttl = ARGV[16] end
  redis.call('XADD', KEYS[10], 'MAXLEN', '~', ARGV[15], '*', 'j', ARGV[2], 'at_ms', now, 'losses', losses,
    'evidence', '[' .. (evidence or '') .. ']')
end
if finished then
  redis.call('HSET', KEYS[2], 'state', state, 'losses', losses, 'result', finished, 'finished_ms', now)
  redis.call('HDEL', KEYS[2], 'prefix')
  redis.call('ZREM', KEYS[7], ARGV[2])
  enter_end(KEYS[11], KEYS[2], ARGV[2], ARGV[16 + last_frame])
  retain(KEYS[2], ttl)
  for i = 19, #ARGV, 3 do redis.call('PUBLISH', ARGV[i], ARGV[i + last_frame]) end
  return state
end
local deadline = now + tonumber(timeout or ARGV[9])
local entry = join_lane(KEYS[4], KEYS[5], KEYS[6], ARGV[8], ARGV[2], deadline, tonumber(bytes))
redis.call('HSET', KEYS[2], 'state', 'queued', 'losses', losses, 'prefix', ARGV[7], 'lane', ARGV[8], 'entry', entry,
  'deadline_ms', deadline)
redis.call('ZADD', KEYS[7], deadline, ARGV[2])
wake(KEYS[9])
return 'queued'
