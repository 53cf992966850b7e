-- flags: allow-oom
-- A worker takes up jobs of its inbox and reads what they ask for.
-- KEYS  1 worker  2... jobs
-- ARGV  1 instance  2 sources of "running"  3... the fence of each job
-- Returns per job {"running", api, body, engine_written, prefix, listeners, trace, class, created_ms, losses, started_ms}
--         | {"cancel", (the same)} (its end was asked for) | {"stale"} (no longer ours) | {"fenced"}
local answers = {}
local lost = fenced(KEYS[1])
local now = now_ms()
for i = 2, #KEYS do
  local state, fence, worker, cancel, started = fields_of(KEYS[i], 'state', 'fence', 'worker', 'cancel', 'started_ms')
  if lost then
    answers[i - 1] = {'fenced'}
  elseif fence ~= ARGV[i + 1] or worker ~= ARGV[1] or not (state == 'running' or may_become(state, ARGV[2])) then
    answers[i - 1] = {'stale'}
  else
    if state ~= 'running' then
      started = now
      redis.call('HSET', KEYS[i], 'state', 'running', 'started_ms', now)
    end
    local r = redis.call('HMGET', KEYS[i], 'api', 'body', 'engine_written', 'prefix', 'listeners', 'trace', 'class',
      'created_ms', 'losses')
    answers[i - 1] = {cancel and 'cancel' or 'running', r[1], r[2], r[3] or '', r[4] or '', r[5] or '', r[6] or '', r[7],
      r[8], r[9], tostring(started)}
  end
end
return answers
