-- flags: allow-oom
-- One engine step: check the epoch, append the frames to the journal, send each ingress its own.
-- A repeat appends the step twice; readers drop it by offset.
-- KEYS  1 worker  2 journal
-- ARGV  1 oldest journal id still needed ("" to keep all)  2 number of frames n  3 how many of them, the first, go into
--       the journal  4..3+n frames, then pairs: channel, index of its frame (1..n)
-- Returns the journal id of the step ("" if nothing was journalled), or "fenced"
if fenced(KEYS[1]) then return 'fenced' end
local count, kept = tonumber(ARGV[2]), tonumber(ARGV[3])
local id = ''
if kept > 0 then
  local fields = {}
  for i = 1, kept do
    fields[#fields + 1] = 'f'
    fields[#fields + 1] = ARGV[3 + i]
  end
  if ARGV[1] == '' then
    id = redis.call('XADD', KEYS[2], '*', unpack(fields))
  else
    id = redis.call('XADD', KEYS[2], 'MINID', '~', ARGV[1], '*', unpack(fields))
  end
end
for i = 4 + count, #ARGV, 2 do redis.call('PUBLISH', ARGV[i], ARGV[3 + tonumber(ARGV[i + 1])]) end
return id
