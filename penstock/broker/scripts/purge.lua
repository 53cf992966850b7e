-- flags: allow-oom
-- Erase what a job was asked and what it answered: at once where it has ended, else with its end.
-- KEYS  1 job
-- ARGV  1 what is left in place of its result  2 states that are no end
-- Returns "purged" | "marked" (it lives: have it end) | "missing"
local state, purged = fields_of(KEYS[1], 'state', 'purged')
if not state then return 'missing' end
if purged then return 'purged' end
if may_become(state, ARGV[2]) then
  redis.call('HSET', KEYS[1], 'purge', ARGV[1])
  return 'marked'
end
erase(KEYS[1], ARGV[1])
return 'purged'
