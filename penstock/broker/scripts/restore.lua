-- flags: allow-oom
-- Mend a waiting job that its lane does not hold any more.
-- KEYS  1 leader  2 job  3 lane  4 lane counts  5 lane bytes  6 wake-up
-- ARGV  1 leader token  2 job id  3 lane name  4 lane entry, as last read
-- Returns "restored" | "stale" | "not_leader"
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'not_leader' end
local state, lane, entry, bytes, deadline = unpack(redis.call('HMGET', KEYS[2], 'state', 'lane', 'entry', 'bytes',
  'deadline_ms'))
if state ~= 'queued' or lane ~= ARGV[3] or entry ~= ARGV[4] then return 'stale' end
local found = redis.call('XRANGE', KEYS[3], entry, entry)[1]
if found and found[2][2] == ARGV[2] then return 'stale' end
entry = join_lane(KEYS[3], KEYS[4], KEYS[5], lane, ARGV[2], deadline, tonumber(bytes))
redis.call('HSET', KEYS[2], 'entry', entry)
wake(KEYS[6])
return 'restored'
