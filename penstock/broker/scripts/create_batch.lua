-- Record a batch, and wake who takes it up; one that is recorded stays as it is.
-- KEYS  1 batch  2 open batches  3 the tenant's batches  4 wake-up of who takes up batches
-- ARGV  1 id  2 most open batches of the pool  3 most batches in the tenant's list  4 ms that the list is kept
--       5 ms until the batch is over  6 fields and values of the record, as msgpack
-- Returns "created" | "exists" | "full"
set_aside(KEYS[1], 'hash')
set_aside(KEYS[2], 'zset')
set_aside(KEYS[3], 'zset')
set_aside(KEYS[4], 'list')
if redis.call('EXISTS', KEYS[1]) == 1 then return 'exists' end
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[2]) then return 'full' end
local now = now_ms()
redis.call('HSET', KEYS[1], 'status', 'validating', 'created_ms', now, 'expires_ms', now + tonumber(ARGV[5]),
  unpack(cmsgpack.unpack(ARGV[6])))
redis.call('ZADD', KEYS[2], now, ARGV[1])
redis.call('ZADD', KEYS[3], now, ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -tonumber(ARGV[3]) - 1)
redis.call('PEXPIRE', KEYS[3], ARGV[4])
wake(KEYS[4])
return 'created'
