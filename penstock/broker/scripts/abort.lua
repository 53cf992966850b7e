-- flags: allow-oom
-- Tell an instance that a job ended, or went, without it: it may stop generating.
-- KEYS  1 control  2 worker
-- ARGV  1 job id  2 fence
-- Returns "told" | "gone"
if fenced(KEYS[2]) then return 'gone' end
redis.call('XADD', KEYS[1], 'MAXLEN', '~', 10000, '*', 'cancel', ARGV[1], 'fence', ARGV[2])
return 'told'
