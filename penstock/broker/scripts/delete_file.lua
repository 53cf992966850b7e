-- flags: allow-oom
-- Delete the record of a file. What is left says so for a while: who records the same file late must not bring it back.
-- KEYS  1 file  2 files  3 files expiring
-- ARGV  1 id  2 ms for which it is remembered
-- Returns its parts, to a repeat as well | false where there is no such file
set_aside(KEYS[2], 'zset')
set_aside(KEYS[3], 'zset')
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
local parts = fields_of(KEYS[1], 'parts')
if not parts then return false end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'deleted', 1, 'parts', parts)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return parts
