-- Make a tenant known to a sweep. A list of another type names nobody: it is begun anew. It is not set
-- aside, since its key has no hash tag: the other name may be in another slot.
-- KEYS  1 tenants of the sweep
-- ARGV  1 tenant  2 when something of it was last made (Unix ms)
-- Returns "listed"
if type(redis.pcall('ZCARD', KEYS[1])) ~= 'number' then redis.call('DEL', KEYS[1]) end
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
return 'listed'
