-- Make, change or delete a subscription of a tenant, if it is as it was read.
-- KEYS  1 webhooks
-- ARGV  1 id  2 as last read ("" for none)  3 as it shall be ("" to delete it)  4 most subscriptions
-- Returns "put" | "moved" (it is otherwise by now) | "full"
local now = redis.call('HGET', KEYS[1], ARGV[1]) or ''
-- A repeat has nothing left to do.
if now == ARGV[3] then return 'put' end
if now ~= ARGV[2] then return 'moved' end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
  return 'put'
end
if now == '' and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then return 'full' end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 'put'
