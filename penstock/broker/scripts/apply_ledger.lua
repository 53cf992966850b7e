-- flags: allow-oom
-- Add up what a run of ledger entries says, tell batches of their jobs, and go past them: all or nothing, so that each
-- counts once.
-- KEYS  1 ledger leader  2 ledger  3 ledger cursor  4... usage of a day, then of each batch: its record, its ends
-- ARGV  1 token of the one who reads the ledger  2 cursor, as last read ("" for none)  3 cursor behind these entries
--       4 the least entry id above it  5 number of days
--       6... of each day: ttl ms, number of counts, then a field and what to add for each; then of each batch: jobs that
--       completed, jobs that did not, and their ids
-- Returns "applied" | "moved" (another has gone past them) | "not_leader"
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'not_leader' end
if (redis.call('GET', KEYS[3]) or '') ~= ARGV[2] then return 'moved' end
-- Whatever is of another type is found out before anything is written.
redis.call('XLEN', KEYS[2])
local first_batch = 4 + tonumber(ARGV[5])
for i = 4, first_batch - 1 do redis.call('HLEN', KEYS[i]) end
local at = 6
for i = 4, first_batch - 1 do
  local ttl, counts = ARGV[at], tonumber(ARGV[at + 1])
  at = at + 2
  for _ = 1, counts do
    redis.call('HINCRBY', KEYS[i], ARGV[at], ARGV[at + 1])
    at = at + 2
  end
  redis.call('PEXPIRE', KEYS[i], ttl)
end
for i = first_batch, #KEYS, 2 do
  local completed, others = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  local last = at + 1 + completed + others
  -- One without a record waits for nothing, and one that is settled neither.
  local status, is_settled = fields_of(KEYS[i], 'status', 'settled')
  if status and not is_settled then
    set_aside(KEYS[i + 1], 'list')
    redis.call('RPUSH', KEYS[i + 1], unpack(ARGV, at + 2, last))
    redis.call('HINCRBY', KEYS[i], 'ended_completed', completed)
    redis.call('HINCRBY', KEYS[i], 'ended_failed', others)
  end
  at = last + 1
end
redis.call('SET', KEYS[3], ARGV[3])
redis.call('XTRIM', KEYS[2], 'MINID', ARGV[4])
return 'applied'
