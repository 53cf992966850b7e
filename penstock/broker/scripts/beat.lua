-- flags: allow-oom
-- Renew a lease: the beat moves on, and the figures with it.
-- KEYS  1 worker  2 bell
-- ARGV  1 state  2... field, value
-- Returns "alive" | "fenced"
local before = redis.call('HGET', KEYS[1], 'state')
if not before or before == 'lost' then return 'fenced' end
redis.call('HINCRBY', KEYS[1], 'beat', 1)
redis.call('HSET', KEYS[1], 'state', ARGV[1], unpack(ARGV, 2))
if before ~= ARGV[1] then ring(KEYS[2]) end
return 'alive'
