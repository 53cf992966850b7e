-- flags: allow-oom
-- A number greater than all before it: epochs of workers and leaders only grow.
-- KEYS  1 epochs
-- ARGV  1 the latest epoch that the caller knows of: the counter may have been lost
-- Returns the number
local epoch = redis.call('INCR', KEYS[1])
if epoch > tonumber(ARGV[1]) then return epoch end
return redis.call('INCRBY', KEYS[1], ARGV[1] + 1 - epoch)
