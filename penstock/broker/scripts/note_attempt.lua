-- flags: allow-oom
-- Write down what came of an attempt of a delivery, and what follows.
-- KEYS  1 delivery  2 pending
-- ARGV  1 id  2 the attempt's number  3 the attempt  4 state of the delivery  5 ms until the next attempt
--       6 ms from then on until the sweep asks for it  7 ms that a delivery which ended is kept  8 most attempts kept
--       9 attempts before its schedule began, as last read
-- Returns "noted" | "anew" (it was asked for again meanwhile: its new schedule begins after this attempt, which failed)
--         | "stale" (another attempt of this number was written down, or the delivery has ended or is gone)
local state, attempts, before = fields_of(KEYS[1], 'state', 'attempts', 'attempts_before')
local number = tonumber(ARGV[2])
if state ~= 'pending' or tonumber(attempts) ~= number - 1 then return 'stale' end
local now = now_ms()
redis.call('HSET', KEYS[1], 'attempts', number, 'attempt:' .. number, ARGV[3])
redis.call('HDEL', KEYS[1], 'attempt:' .. (number - tonumber(ARGV[8])))
if before ~= ARGV[9] and ARGV[4] ~= 'delivered' then
  redis.call('HSET', KEYS[1], 'attempts_before', number)
  return 'anew'
end
redis.call('HSET', KEYS[1], 'state', ARGV[4])
if ARGV[4] == 'pending' then
  local due = now + tonumber(ARGV[5])
  redis.call('HSET', KEYS[1], 'next_ms', due)
  redis.pcall('ZADD', KEYS[2], due + tonumber(ARGV[6]), ARGV[1])
else
  redis.call('HSET', KEYS[1], 'ended_ms', now, 'next_ms', 0)
  redis.call('PEXPIRE', KEYS[1], ARGV[7])
  redis.pcall('ZREM', KEYS[2], ARGV[1])
end
return 'noted'
