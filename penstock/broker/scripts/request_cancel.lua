-- flags: allow-oom
-- Ask the worker that holds a job to end it; the wish stays in the record in case the worker is lost first.
-- KEYS  1 job  2 control
-- ARGV  1 job id  2 instance  3 sources of "cancelled"  4 fence, as last read  5 "1": only if nobody waits for it
-- Returns "requested" | "moved" (another worker, or the queue, has it) | "ended" | "wanted"
local state, worker, fence, listeners = unpack(redis.call('HMGET', KEYS[1], 'state', 'worker', 'fence', 'listeners'))
if state ~= 'queued' and not may_become(state, ARGV[3]) then return 'ended' end
if state == 'queued' or worker ~= ARGV[2] or fence ~= ARGV[4] then return 'moved' end
if ARGV[5] == '1' and listeners ~= '' then return 'wanted' end
redis.call('HSET', KEYS[1], 'cancel', 1)
redis.call('XADD', KEYS[2], 'MAXLEN', '~', 10000, '*', 'cancel', ARGV[1], 'fence', fence)
return 'requested'
