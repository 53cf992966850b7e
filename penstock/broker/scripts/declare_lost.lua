-- flags: allow-oom
-- Fence an instance: by the leader when its beat stood still, by its host when it saw it die.
-- KEYS  1 worker  2 wake-up
-- ARGV  1 the beat that stood still ("" if its death is certain)  2 why
-- Returns "lost" | "alive" | "missing"
if is_no_hash(KEYS[1]) then
  -- No record, whatever it is: without it the instance is fenced as well.
  redis.call('DEL', KEYS[1])
  wake(KEYS[2])
  return 'lost'
end
local state, beat = unpack(redis.call('HMGET', KEYS[1], 'state', 'beat'))
if not state then return 'missing' end
if state == 'lost' then return 'lost' end
if ARGV[1] ~= '' and ARGV[1] ~= beat then return 'alive' end
redis.call('HSET', KEYS[1], 'state', 'lost', 'why', ARGV[2])
wake(KEYS[2])
return 'lost'
