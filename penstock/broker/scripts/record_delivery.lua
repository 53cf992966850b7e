-- Record a delivery that is to be made; one that is recorded stays as it is.
-- KEYS  1 delivery  2 pending  3 deliveries
-- ARGV  1 id  2 ms until the sweep asks for it  3 most pending (the tenant's next are not made)  4 most in the log
--       5 ms that the log is kept  6... field, value of the record
-- Returns "recorded" | "exists" | "full"
set_aside(KEYS[1], 'hash')
set_aside(KEYS[2], 'zset')
set_aside(KEYS[3], 'zset')
if redis.call('EXISTS', KEYS[1]) == 1 then return 'exists' end
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[3]) then return 'full' end
local now = now_ms()
redis.call('HSET', KEYS[1], 'state', 'pending', 'attempts', 0, 'attempts_before', 0, 'created_ms', now, 'next_ms', now,
  unpack(ARGV, 6))
redis.call('ZADD', KEYS[2], now + tonumber(ARGV[2]), ARGV[1])
redis.call('ZADD', KEYS[3], now, ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -tonumber(ARGV[4]) - 1)
redis.call('PEXPIRE', KEYS[3], ARGV[5])
return 'recorded'
