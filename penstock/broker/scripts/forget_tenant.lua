-- Strike off a tenant that has nothing pending.
-- KEYS  1 delivering tenants
-- ARGV  1 tenant  2 only if its last delivery was recorded before this (Unix ms)
-- Returns "forgotten" | "kept"
local at = redis.call('ZSCORE', KEYS[1], ARGV[1])
if at and tonumber(at) >= tonumber(ARGV[2]) then return 'kept' end
redis.call('ZREM', KEYS[1], ARGV[1])
return 'forgotten'
