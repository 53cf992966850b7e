-- Accept a job: record and lane entry, or neither. Repeating it with the same id changes nothing.
-- A run that ended may be replaced: the record is written anew, so that nothing of the run before is left in it.
-- KEYS  1 job  2 lane  3 lane counts  4 lane bytes  5 live  6 bell
-- ARGV  1 job id  2 lane name  3 bytes  4 most jobs (0: no bound)  5 most bytes (0: no bound)
--       6 queue timeout ms  7 fence to begin with  8 fence of the ended run to replace ("" for none)
--       9 states that may be replaced  10... field, value of the record
-- Returns {"accepted", created_ms} | {"exists", state, digest, created_ms, fence, result} | {"full", jobs, bytes}
local state, digest, created, fence, result = unpack(redis.call('HMGET', KEYS[1], 'state', 'digest', 'created_ms',
  'fence', 'result'))
-- The fence tells a repeat: it grew when the run was replaced.
if state and (fence ~= ARGV[8] or not may_become(state, ARGV[9])) then
  return {'exists', state, digest, created, fence, may_become(state, ARGV[9]) and result or ''}
end
-- Whatever is of another type is found out before anything is written.
redis.call('XLEN', KEYS[2])
redis.call('ZCARD', KEYS[5])
local bytes = tonumber(ARGV[3])
local jobs = tonumber(redis.call('HGET', KEYS[3], ARGV[2]) or 0)
local held = tonumber(redis.call('HGET', KEYS[4], ARGV[2]) or 0)
local most_jobs, most_bytes = tonumber(ARGV[4]), tonumber(ARGV[5])
if (most_jobs > 0 and jobs >= most_jobs) or (most_bytes > 0 and held + bytes > most_bytes) then
  return {'full', jobs, held}
end
local now = now_ms()
local deadline = now + tonumber(ARGV[6])
local entry = join_lane(KEYS[2], KEYS[3], KEYS[4], ARGV[2], ARGV[1], deadline, bytes)
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'state', 'queued', 'created_ms', now, 'deadline_ms', deadline, 'fence', ARGV[7], 'losses', 0,
  'lane', ARGV[2], 'entry', entry, 'bytes', bytes, unpack(ARGV, 10))
redis.call('ZADD', KEYS[5], deadline, ARGV[1])
ring(KEYS[6])
return {'accepted', now}
