-- flags: allow-oom
-- A number greater than all before it: epochs of workers and leaders only grow.
-- KEYS  1 epochs
-- Returns the number
return redis.call('INCR', KEYS[1])
