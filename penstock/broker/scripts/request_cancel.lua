-- flags: allow-oom
-- Ask the worker that holds a job to end it; the wish stays in the record in case the worker is lost first.
-- KEYS  1 job  2 control
-- ARGV  1 job id  2 instance  3 sources of "cancelled"
-- Returns "requested" | "moved" (another worker, or the queue, has it) | "ended"
local state, worker = unpack(redis.call('HMGET', KEYS[1], 'state', 'worker'))
if state ~= 'queued' and not may_become(state, ARGV[3]) then return 'ended' end
if state == 'queued' or worker ~= ARGV[2] then return 'moved' end
redis.call('HSET', KEYS[1], 'cancel', 1)
redis.call('XADD', KEYS[2], 'MAXLEN', '~', 10000, '*', 'cancel', ARGV[1])
return 'requested'
