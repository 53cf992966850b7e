-- flags: allow-oom
-- Drop lane entries whose job is not waiting there, and correct the counts of the lane. The jobs of the others are live:
-- one that is not listed so is put back.
-- KEYS  1 leader  2 lane  3 lane counts  4 lane bytes  5 live  6... jobs
-- ARGV  1 leader token  2 lane name  3... the job id and the entry id of each
-- Returns the number of entries dropped, or "not_leader"
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'not_leader' end
-- Entries that are read at once without anybody noticing.
local FEW = 1000
local dropped = 0
for i = 6, #KEYS do
  local id, at = ARGV[2 * i - 9], ARGV[2 * i - 8]
  local state, entry, deadline = fields_of(KEYS[i], 'state', 'entry', 'deadline_ms')
  if state ~= 'queued' or entry ~= at then
    dropped = dropped + leave_lane(KEYS[2], KEYS[3], KEYS[4], ARGV[2], id, at)
  elseif deadline then
    redis.pcall('ZADD', KEYS[5], 'NX', deadline, id)
  end
end
local waiting = redis.call('XLEN', KEYS[2])
if waiting == 0 then
  redis.call('DEL', KEYS[2])
  redis.pcall('HDEL', KEYS[3], ARGV[2])
  redis.pcall('HDEL', KEYS[4], ARGV[2])
else
  redis.pcall('HSET', KEYS[3], ARGV[2], waiting)
  local bytes = redis.pcall('HGET', KEYS[4], ARGV[2])
  -- A longer lane is read as a whole only where its bytes cannot be right.
  if waiting <= FEW or type(bytes) ~= 'string' or tonumber(bytes) <= 0 then
    local sum = 0
    for _, entry in ipairs(redis.call('XRANGE', KEYS[2], '-', '+')) do sum = sum + (tonumber(entry[2][6]) or 0) end
    redis.pcall('HSET', KEYS[4], ARGV[2], sum)
  end
end
return dropped
