-- flags: allow-oom
-- Take or renew the leadership of a pool; a key of another type holds no token, so that nobody leads.
-- KEYS  1 leader  2 wake-up  3 settings
-- ARGV  1 token  2 ttl ms  3 the settings that its leader gives the pool
-- Returns {"leading" | "following", the settings of the pool}
local holder = redis.pcall('GET', KEYS[1])
if type(holder) ~= 'string' then holder = false end
local settings = redis.pcall('GET', KEYS[3])
if type(settings) ~= 'string' then settings = '' end
if holder and holder ~= ARGV[1] then return {'following', settings} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if settings ~= ARGV[3] then redis.call('SET', KEYS[3], ARGV[3]) end
-- Nobody could push to a wake-up list of another type, nor pop it.
if type(redis.pcall('LLEN', KEYS[2])) ~= 'number' then redis.call('DEL', KEYS[2]) end
-- A new leader looks about at once.
if not holder then wake(KEYS[2]) end
return {'leading', ARGV[3]}
