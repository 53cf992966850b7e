-- flags: allow-oom
-- Drop inbox entries that stand for no job of this instance: they would take up its slots for ever. The jobs of the
-- others are live: one that is not listed so is put back.
-- KEYS  1 leader  2 inbox  3 wake-up  4 live  5... jobs
-- ARGV  1 leader token  2 instance  3 states that are no end  4... the job id, the fence and the entry id of each
-- Returns the number of entries dropped, or "not_leader"
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'not_leader' end
local dropped = 0
for i = 5, #KEYS do
  local id, assigned_under, at = ARGV[3 * i - 11], ARGV[3 * i - 10], ARGV[3 * i - 9]
  local state, fence, worker, assigned, timeout = fields_of(KEYS[i], 'state', 'fence', 'worker', 'assigned_ms',
    'run_timeout_ms')
  local held = may_become(state, ARGV[3]) and state ~= 'queued' and worker == ARGV[2] and fence == assigned_under
  if not held then
    dropped = dropped + redis.call('XDEL', KEYS[2], at)
  elseif assigned and timeout then
    redis.pcall('ZADD', KEYS[4], 'NX', assigned + timeout, id)
  end
end
if dropped > 0 then wake(KEYS[3]) end
return dropped
