-- flags: allow-oom
-- A worker gives an unfinished job back with what it generated; it waits in the resume lane.
-- KEYS  1 job  2 inbox  3 resume lane  4 lane counts  5 lane bytes  6 live  7 worker  8 wake-up
-- ARGV  1 job id  2 fence  3 instance  4 sources of "queued"  5 inbox entry  6 prefix  7 resume lane's name
--       8 queue timeout ms of a job whose record says none
-- Returns "queued" | "stale" (no longer ours; so is the inbox entry) | "fenced" (this instance is lost)
local state, fence, worker, bytes, timeout = fields_of(KEYS[1], 'state', 'fence', 'worker', 'bytes', 'queue_timeout_ms')
local ours = fence == ARGV[2] and worker == ARGV[3]
if ours and state == 'queued' then return 'queued' end
if fenced(KEYS[7]) then return 'fenced' end
-- Whatever is of another type is found out before anything is written.
redis.call('ZCARD', KEYS[6])
redis.call('XLEN', KEYS[3])
redis.pcall('XDEL', KEYS[2], ARGV[5])
if not ours or not may_become(state, ARGV[4]) then return 'stale' end
local deadline = now_ms() + tonumber(timeout or ARGV[8])
local entry = join_lane(KEYS[3], KEYS[4], KEYS[5], ARGV[7], ARGV[1], deadline, tonumber(bytes))
redis.call('HSET', KEYS[1], 'state', 'queued', 'prefix', ARGV[6], 'lane', ARGV[7], 'entry', entry,
  'deadline_ms', deadline)
redis.call('ZADD', KEYS[6], deadline, ARGV[1])
wake(KEYS[8])
return 'queued'
