-- flags: allow-oom
-- A batch takes another status. Repeating it changes nothing.
-- KEYS  1 batch
-- ARGV  1 token of its owner ("": whoever asks may do so)  2 new status  3 its sources  4 field of the moment
--       5 fields and values of the record, as msgpack
-- Returns "changed" | "repeated" | "moved" (its status allows it no more) | "fenced" (another owns it) | "missing"
local status, token = fields_of(KEYS[1], 'status', 'token')
if not status then return 'missing' end
if ARGV[1] ~= '' and token ~= ARGV[1] then return 'fenced' end
if status == ARGV[2] then return 'repeated' end
if not may_become(status, ARGV[3]) then return 'moved' end
redis.call('HSET', KEYS[1], 'status', ARGV[2], ARGV[4], now_ms(), unpack(cmsgpack.unpack(ARGV[5])))
return 'changed'
