-- flags: allow-oom
-- Results of a batch are in storage: list their parts, and forget the jobs they came from; all or nothing.
-- KEYS  1 batch  2 its open jobs  3 its ends  4 its parts  5... records of jobs that are needed no more
-- ARGV  1 token of its owner  2 lines recorded before  3 lines recorded now  4 number of ends to strike off
--       5 number of parts  6 fields and values of the record, as msgpack  7 counts to add, as msgpack  8... the parts, then
--       the ends, then the ids of the jobs
-- Returns "recorded" | "repeated" | "moved" (other parts came first) | "fenced" (another owns it) | "missing"
local token, recorded = fields_of(KEYS[1], 'token', 'recorded')
if redis.call('EXISTS', KEYS[1]) == 0 then return 'missing' end
if token ~= ARGV[1] then return 'fenced' end
recorded = recorded or '0'
if recorded == ARGV[3] and recorded ~= ARGV[2] then return 'repeated' end
if recorded ~= ARGV[2] then return 'moved' end
-- Whatever is of another type is found out before anything is written.
redis.call('HLEN', KEYS[2])
redis.call('LLEN', KEYS[3])
redis.call('LLEN', KEYS[4])
local first_end = 8 + tonumber(ARGV[5])
local first_job = first_end + tonumber(ARGV[4])
for i = 8, first_end - 1 do redis.call('RPUSH', KEYS[4], ARGV[i]) end
-- They are at the head; by name, so that a repeat strikes off no other.
for i = first_end, first_job - 1 do redis.call('LREM', KEYS[3], 1, ARGV[i]) end
for i = first_job, #ARGV do redis.call('HDEL', KEYS[2], ARGV[i]) end
for i = 5, #KEYS do redis.call('UNLINK', KEYS[i]) end
local fields, counts = cmsgpack.unpack(ARGV[6]), cmsgpack.unpack(ARGV[7])
redis.call('HSET', KEYS[1], 'recorded', ARGV[3], unpack(fields))
for i = 1, #counts, 2 do redis.call('HINCRBY', KEYS[1], counts[i], counts[i + 1]) end
return 'recorded'
