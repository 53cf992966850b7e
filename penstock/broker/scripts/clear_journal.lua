-- flags: allow-oom
-- An instance holds no job whose tokens its journal has: all of it goes, for a job in it may have been erased.
-- KEYS  1 worker  2 journal
-- ARGV  1 the journal's last entry, as its writer knows it; what came after it stays
-- Returns "cleared" | "fenced"
if fenced(KEYS[1]) then return 'fenced' end
-- Something else that has its key is for whoever writes there next to tell.
redis.pcall('XTRIM', KEYS[2], 'MINID', ARGV[1])
redis.pcall('XDEL', KEYS[2], ARGV[1])
return 'cleared'
