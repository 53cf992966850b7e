-- flags: allow-oom
-- Give the leadership up at once, so that another need not wait for its lease.
-- KEYS  1 leader  2 wake-up
-- ARGV  1 token
-- Returns "resigned" | "following"
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'following' end
redis.call('DEL', KEYS[1])
wake(KEYS[2])
return 'resigned'
