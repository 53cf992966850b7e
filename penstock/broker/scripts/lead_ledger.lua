-- flags: allow-oom
-- Take or renew the right to read a pool's ledger.
-- KEYS  1 ledger leader
-- ARGV  1 token  2 ttl ms
-- Returns "leading" | "led" (by another)
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 'led' end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 'leading'
