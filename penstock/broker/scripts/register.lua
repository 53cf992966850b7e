-- flags: allow-oom
-- A worker begins a new epoch; the instance before it under the same name is fenced.
-- KEYS  1 workers  2 instances  3 worker  4 worker of the instance before (any key if none)
-- ARGV  1 name  2 instance  3 instance before, as last read ("" if none)  4... field, value
-- Returns "registered" | "moved" (another registration came first: read again)
local before = redis.call('HGET', KEYS[1], ARGV[1]) or ''
-- Once is enough: a repeat that comes late must not raise an instance that was declared lost since.
if before == ARGV[2] then return 'registered' end
if before ~= ARGV[3] then return 'moved' end
redis.call('SADD', KEYS[2], ARGV[2])
if before ~= '' then
  if is_no_hash(KEYS[4]) then
    -- No record, whatever it is: without it the instance is fenced as well.
    redis.call('DEL', KEYS[4])
  elseif not fenced(KEYS[4]) then
    redis.call('HSET', KEYS[4], 'state', 'lost', 'why', 'another registered under its name')
  end
  -- Where the set was lost, the reaper has to hear of that instance as well.
  redis.call('SADD', KEYS[2], before)
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HSET', KEYS[3], 'name', ARGV[1], 'beat', 0, unpack(ARGV, 4))
return 'registered'
