-- flags: allow-oom
-- Drop lane entries whose job is not waiting there, and correct the counts of the lane.
-- KEYS  1 leader  2 lane  3 lane counts  4 lane bytes  5... jobs
-- ARGV  1 leader token  2 lane name  3... the job id and the entry id of each
-- Returns the number of entries dropped, or "not_leader"
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'not_leader' end
local dropped = 0
for i = 5, #KEYS do
  local id, at = ARGV[2 * i - 7], ARGV[2 * i - 6]
  local state, entry = unpack(redis.call('HMGET', KEYS[i], 'state', 'entry'))
  if state ~= 'queued' or entry ~= at then
    leave_lane(KEYS[2], KEYS[3], KEYS[4], ARGV[2], id, at)
    dropped = dropped + 1
  end
end
local waiting = redis.call('XLEN', KEYS[2])
if waiting == 0 then
  redis.call('DEL', KEYS[2])
  redis.call('HDEL', KEYS[3], ARGV[2])
  redis.call('HDEL', KEYS[4], ARGV[2])
else
  redis.call('HSET', KEYS[3], ARGV[2], waiting)
end
return dropped
