-- Begin the schedule of a delivery anew, whatever came of it.
-- KEYS  1 delivery  2 pending
-- ARGV  1 id  2 ms until the sweep asks for it
-- Returns "pending" | "missing"
set_aside(KEYS[2], 'zset')
local state, attempts = fields_of(KEYS[1], 'state', 'attempts')
if not state then return 'missing' end
local now = now_ms()
redis.call('HSET', KEYS[1], 'state', 'pending', 'attempts_before', attempts, 'next_ms', now, 'ended_ms', 0)
redis.call('PERSIST', KEYS[1])
redis.call('ZADD', KEYS[2], now + tonumber(ARGV[2]), ARGV[1])
return 'pending'
