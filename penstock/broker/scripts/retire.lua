-- flags: allow-oom
-- Forget an instance that holds nothing any more.
-- KEYS  1 worker  2 inbox  3 control  4 journal  5 instances  6 workers
-- ARGV  1 instance  2 name
-- Returns "retired" | "holds" (jobs are still in its inbox)
-- What is no inbox holds nothing.
local held = redis.pcall('XLEN', KEYS[2])
if type(held) == 'number' and held > 0 then return 'holds' end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
redis.call('SREM', KEYS[5], ARGV[1])
if redis.call('HGET', KEYS[6], ARGV[2]) == ARGV[1] then redis.call('HDEL', KEYS[6], ARGV[2]) end
return 'retired'
