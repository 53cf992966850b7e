-- flags: allow-oom
-- All that follows from a batch's end is done: its record and its manifest are kept for a while, what it worked with is not.
-- Of one whose record was lost nothing is left to do either.
-- KEYS  1 batch  2 open batches  3 its open jobs  4 its ends  5 its parts
-- ARGV  1 token of its owner  2 id  3 ms that the record is kept
-- Returns "settled" | "fenced" (another owns it) | "missing"
local token = fields_of(KEYS[1], 'token')
if redis.call('EXISTS', KEYS[1]) == 1 and token ~= ARGV[1] then return 'fenced' end
redis.call('ZREM', KEYS[2], ARGV[2])
redis.call('DEL', KEYS[3], KEYS[4])
redis.call('PEXPIRE', KEYS[5], ARGV[3])
if redis.call('EXISTS', KEYS[1]) == 0 then return 'missing' end
redis.call('HSET', KEYS[1], 'settled', 1)
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 'settled'
