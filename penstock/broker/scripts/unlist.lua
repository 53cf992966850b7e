-- flags: allow-oom
-- Strike a job off the live ones that has ended or has no record (any more).
-- KEYS  1 leader  2 job  3 live
-- ARGV  1 leader token  2 job id  3 states that are no end
-- Returns "unlisted" | "stale" (it lives, or is not listed any more) | "not_leader"
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'not_leader' end
if may_become(fields_of(KEYS[2], 'state'), ARGV[3]) then return 'stale' end
return redis.call('ZREM', KEYS[3], ARGV[2]) == 1 and 'unlisted' or 'stale'
