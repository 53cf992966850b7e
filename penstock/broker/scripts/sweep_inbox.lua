-- flags: allow-oom
-- Drop inbox entries that stand for no job of this instance: they would take up its slots for ever.
-- KEYS  1 leader  2 inbox  3 bell  4... jobs
-- ARGV  1 leader token  2 instance  3 states that are no end  4... the fence and the entry id of each
-- Returns the number of entries dropped, or "not_leader"
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'not_leader' end
local dropped = 0
for i = 4, #KEYS do
  local state, fence, worker = unpack(redis.call('HMGET', KEYS[i], 'state', 'fence', 'worker'))
  local held = may_become(state, ARGV[3]) and state ~= 'queued' and worker == ARGV[2] and fence == ARGV[2 * i - 4]
  if not held then dropped = dropped + redis.call('XDEL', KEYS[2], ARGV[2 * i - 3]) end
end
if dropped > 0 then ring(KEYS[3]) end
return dropped
