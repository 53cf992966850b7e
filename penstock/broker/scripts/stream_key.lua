-- The key that stream tokens are signed with in a period; whoever asks first makes it.
-- KEYS  1 stream key
-- ARGV  1 a new key, should there be none  2 ms until it is forgotten
-- Returns the key
redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2])
return redis.call('GET', KEYS[1])
