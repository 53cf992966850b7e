-- flags: allow-oom
-- Take the right to work on a batch that nobody works on, or renew it. Whoever takes it brings a token of its own: what was
-- begun under another token, by the same process too, is refused from then on.
-- KEYS  1 batch
-- ARGV  1 token  2 ttl ms  3 "take" | "renew"
-- Returns "owned" | "held" (by another) | "missing" (or nothing is left to do)
if is_no_hash(KEYS[1]) then return 'missing' end
local status, token, until_ms, is_settled = fields_of(KEYS[1], 'status', 'token', 'owned_until_ms', 'settled')
if not status or is_settled then return 'missing' end
local now = now_ms()
if token and token ~= ARGV[1] and (ARGV[3] == 'renew' or now < tonumber(until_ms)) then return 'held' end
redis.call('HSET', KEYS[1], 'token', ARGV[1], 'owned_until_ms', now + tonumber(ARGV[2]))
return 'owned'
