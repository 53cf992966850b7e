-- flags: allow-oom
-- Renew a lease: the beat moves on, and the figures with it. What only the registration wrote is put back if it is lost.
-- KEYS  1 worker  2 wake-up  3 workers  4 instances
-- ARGV  1 state  2 name  3 instance  4... field, value
-- Returns "alive" | "fenced"
local before = redis.call('HGET', KEYS[1], 'state')
if not before or before == 'lost' then return 'fenced' end
redis.call('HINCRBY', KEYS[1], 'beat', 1)
redis.call('HSET', KEYS[1], 'state', ARGV[1], unpack(ARGV, 4))
-- A key of another type is for the leader to tell: it is no reason to miss a beat.
redis.pcall('HSETNX', KEYS[3], ARGV[2], ARGV[3])
local is_back = redis.pcall('SADD', KEYS[4], ARGV[3]) == 1
if is_back or before ~= ARGV[1] then wake(KEYS[2]) end
return 'alive'
