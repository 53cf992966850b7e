-- flags: allow-oom
-- An ingress asks for a job's tokens from an offset on: every worker it is assigned to will send them.
-- KEYS  1 job  2 control (of the instance in ARGV[2])
-- ARGV  1 job id  2 instance, as last read ("" if none)  3 listener  4 offset  5 most listeners
-- Returns {"missing"} | {"moved", worker} (repeat with it)
--         | {"attached", state, fence, prefix, result, queue timeout ms, run timeout ms}
local state, fence, worker, listeners, prefix, result, queue, run = unpack(redis.call('HMGET', KEYS[1], 'state', 'fence',
  'worker', 'listeners', 'prefix', 'result', 'queue_timeout_ms', 'run_timeout_ms'))
if not state then return {'missing'} end
if not result then
  local held = state ~= 'queued'
  if held and worker ~= ARGV[2] then return {'moved', worker} end
  local kept = {}
  for one in string.gmatch(listeners or '', '[^,]+') do
    if one ~= ARGV[3] then kept[#kept + 1] = one end
  end
  kept[#kept + 1] = ARGV[3]
  if #kept > tonumber(ARGV[5]) then table.remove(kept, 1) end
  redis.call('HSET', KEYS[1], 'listeners', table.concat(kept, ','))
  if held then
    redis.call('XADD', KEYS[2], 'MAXLEN', '~', 10000, '*', 'attach', ARGV[1], 'listener', ARGV[3], 'offset', ARGV[4])
  end
end
return {'attached', state, fence, prefix or '', result or '', queue or 0, run or 0}
