-- flags: allow-oom
-- Keep in the record what a long job has generated, so that the journal can be trimmed past its beginning.
-- KEYS  1 job  2 worker
-- ARGV  1 fence  2 instance  3 prefix
-- Returns "kept" | "stale" (no longer running under this fence) | "fenced" (this instance is lost)
if fenced(KEYS[2]) then return 'fenced' end
local state, fence, worker = fields_of(KEYS[1], 'state', 'fence', 'worker')
if fence ~= ARGV[1] or worker ~= ARGV[2] or state ~= 'running' then return 'stale' end
redis.call('HSET', KEYS[1], 'prefix', ARGV[3])
return 'kept'
