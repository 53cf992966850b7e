-- flags: allow-oom
-- What a round of dispatching needs to know of a pool, at one moment.
-- KEYS  1 lane counts  2 instances  3... l lanes, then of each instance: worker, inbox
-- ARGV  1 number of lanes l  2 jobs to read of each lane  3... fields of a worker's record
-- Returns {now ms, lane counts, instances, {first entries of each lane}, {fields of each worker}, {jobs that each holds}};
--         in the last three an error stands for what is of another type
local lanes = tonumber(ARGV[1])
local heads, workers, held = {}, {}, {}
for i = 3, 2 + lanes do heads[#heads + 1] = redis.pcall('XRANGE', KEYS[i], '-', '+', 'COUNT', ARGV[2]) end
for i = 3 + lanes, #KEYS, 2 do
  workers[#workers + 1] = redis.pcall('HMGET', KEYS[i], unpack(ARGV, 3))
  held[#held + 1] = redis.pcall('XLEN', KEYS[i + 1])
end
return {now_ms(), redis.call('HGETALL', KEYS[1]), redis.call('SMEMBERS', KEYS[2]), heads, workers, held}
