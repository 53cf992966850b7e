-- flags: allow-oom
-- End a waiting job: cancelled by its client, or expired at its deadline.
-- KEYS  1 job  2 lane  3 lane counts  4 lane bytes  5 live  6 ledger
-- ARGV  1 job id  2 lane name  3 new state  4 its sources  5 result  6 fence, as last read
--       7 "overdue": only if its deadline has passed; "unwanted": only if nobody waits for it
--       8 outcome  9... channel, last frame pairs
-- Returns "withdrawn" | "repeated" | "moved" (it is not in that lane any more) | "early" | "wanted" | "missing"
local state, lane, entry, deadline, ttl, fence, listeners = fields_of(KEYS[1], 'state', 'lane', 'entry', 'deadline_ms',
  'result_ttl_ms', 'fence', 'listeners')
if not state then
  not_live(KEYS[5], ARGV[1])
  return 'missing'
end
if fence ~= ARGV[6] then return 'moved' end
if state == ARGV[3] then
  publish(9)
  return 'repeated'
end
if state ~= 'queued' or lane ~= ARGV[2] or not may_become(state, ARGV[4]) then return 'moved' end
local now = now_ms()
if ARGV[7] == 'overdue' and now < tonumber(deadline) then return 'early' end
if ARGV[7] == 'unwanted' and listeners ~= '' then return 'wanted' end
leave_lane(KEYS[2], KEYS[3], KEYS[4], lane, ARGV[1], entry)
redis.call('HSET', KEYS[1], 'state', ARGV[3], 'result', ARGV[5], 'finished_ms', now, 'entry', '')
redis.call('HDEL', KEYS[1], 'prefix')
not_live(KEYS[5], ARGV[1])
enter_end(KEYS[6], KEYS[1], ARGV[1], ARGV[8])
retain(KEYS[1], ttl)
publish(9)
return 'withdrawn'
