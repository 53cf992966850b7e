-- Record a file; one that is recorded stays as it is, and one that was deleted stays deleted.
-- KEYS  1 file  2 files  3 files expiring
-- ARGV  1 id  2 created (Unix ms)  3 expires (Unix ms, 0 for never)  4 most files, 0 for any number
--       5... field, value of the record
-- Returns "put" | "exists" | "deleted" | "full"
set_aside(KEYS[1], 'hash')
set_aside(KEYS[2], 'zset')
set_aside(KEYS[3], 'zset')
if redis.call('HEXISTS', KEYS[1], 'deleted') == 1 then return 'deleted' end
if redis.call('EXISTS', KEYS[1]) == 1 then return 'exists' end
local most = tonumber(ARGV[4])
if most > 0 and redis.call('ZCARD', KEYS[2]) >= most then return 'full' end
redis.call('HSET', KEYS[1], unpack(ARGV, 5))
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
if ARGV[3] ~= '0' then redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1]) end
return 'put'
