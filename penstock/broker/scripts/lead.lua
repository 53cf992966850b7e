-- flags: allow-oom
-- Take or renew the leadership of a pool.
-- KEYS  1 leader  2 bell
-- ARGV  1 token  2 ttl ms
-- Returns "leading" | "following"
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 'following' end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
-- A new leader looks about at once.
if not holder then ring(KEYS[2]) end
return 'leading'
