-- flags: allow-oom
-- End an assigned or running job: result, inbox entry, last frames, all or nothing.
-- Repeating it publishes again and changes nothing.
-- KEYS  1 job  2 inbox  3 live  4 worker  5 wake-up  6 lane counts  7 ledger
-- ARGV  1 job id  2 fence  3 instance  4 new state  5 its sources  6 inbox entry  7 result  8 ms from start to first token ("")
--       9 outcome  10... channel, last frame pairs
-- Returns "finished" | "repeated" | "stale" (no longer ours; so is the inbox entry) | "fenced" (this instance is lost)
local state, fence, worker, ttl, started = fields_of(KEYS[1], 'state', 'fence', 'worker', 'result_ttl_ms', 'started_ms')
local ours = fence == ARGV[2] and worker == ARGV[3]
if ours and state == ARGV[4] then
  publish(10)
  return 'repeated'
end
if fenced(KEYS[4]) then return 'fenced' end
local ends = ours and state ~= 'queued' and may_become(state, ARGV[5])
redis.pcall('XDEL', KEYS[2], ARGV[6])
if not ends then return 'stale' end
local now = now_ms()
redis.call('HSET', KEYS[1], 'state', ARGV[4], 'result', ARGV[7], 'finished_ms', now)
if ARGV[8] ~= '' and started then
  redis.call('HSET', KEYS[1], 'first_token_ms', tonumber(started) + tonumber(ARGV[8]))
end
redis.call('HDEL', KEYS[1], 'prefix')
not_live(KEYS[3], ARGV[1])
enter_end(KEYS[7], KEYS[1], ARGV[1], ARGV[9])
retain(KEYS[1], ttl)
-- A free slot is news only where jobs wait for one.
if redis.call('EXISTS', KEYS[6]) == 1 then wake(KEYS[5]) end
publish(10)
return 'finished'
