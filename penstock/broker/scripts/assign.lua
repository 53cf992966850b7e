-- flags: allow-oom
-- Move a waiting job from its lane to a worker's inbox under a new fence. The body stays in the record: one copy.
-- KEYS  1 leader  2 job  3 lane  4 lane counts  5 lane bytes  6 worker  7 inbox  8 live
-- ARGV  1 leader token  2 job id  3 lane name  4 lane entry  5 instance  6 sources of "assigned"
-- Returns "assigned" | "not_leader" | "worker_gone" | "worker_full" | "stale" (the job waits there no more) |
--         "no_job" (what the entry points to is no record of a job); after the last two the entry is gone
local MOST_ASSIGNMENTS_BYTES = 2000
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'not_leader' end
local state, entry, timeout, assignments = fields_of(KEYS[2], 'state', 'entry', 'run_timeout_ms', 'assignments')
local is_job = state and tonumber(timeout)
if not is_job or not may_become(state, ARGV[6]) or entry ~= ARGV[4] then
  leave_lane(KEYS[3], KEYS[4], KEYS[5], ARGV[3], ARGV[2], ARGV[4])
  return (is_job or redis.call('EXISTS', KEYS[2]) == 0) and 'stale' or 'no_job'
end
local worker_state, slots = unpack(redis.call('HMGET', KEYS[6], 'state', 'slots'))
if worker_state ~= 'ready' then return 'worker_gone' end
if redis.call('XLEN', KEYS[7]) >= tonumber(slots) then return 'worker_full' end
local now = now_ms()
-- First, for what it finds may be no set of live jobs: then nothing has been done.
redis.call('ZADD', KEYS[8], now + tonumber(timeout), ARGV[2])
leave_lane(KEYS[3], KEYS[4], KEYS[5], ARGV[3], ARGV[2], ARGV[4])
local fence = redis.call('HINCRBY', KEYS[2], 'fence', 1)
-- For people: of a job that is handed about without end the first ones will do.
assignments = assignments or ''
if #assignments < MOST_ASSIGNMENTS_BYTES then assignments = assignments .. ARGV[5] .. ' ' .. now .. '\n' end
redis.call('HSET', KEYS[2], 'state', 'assigned', 'worker', ARGV[5], 'assigned_ms', now, 'entry', '', 'assignments',
  assignments)
redis.call('XADD', KEYS[7], '*', 'j', ARGV[2], 'f', fence)
return 'assigned'
