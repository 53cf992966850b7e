-- flags: allow-oom
-- Nobody on an ingress waits for a job any more.
-- KEYS  1 job
-- ARGV  1... what the ingress is called among the job's listeners
-- Returns "unwanted" (nobody else waits either) | "wanted" | "ended"
local state, listeners = unpack(redis.call('HMGET', KEYS[1], 'state', 'listeners'))
if not state or redis.call('HEXISTS', KEYS[1], 'result') == 1 then return 'ended' end
local gone, kept = {}, {}
for i = 1, #ARGV do gone[ARGV[i]] = true end
for one in string.gmatch(listeners or '', '[^,]+') do
  if not gone[one] then kept[#kept + 1] = one end
end
redis.call('HSET', KEYS[1], 'listeners', table.concat(kept, ','))
return #kept > 0 and 'wanted' or 'unwanted'
