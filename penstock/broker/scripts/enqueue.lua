-- Accept jobs of one lane and tenant: of each, record and lane entry, or neither. Repeating it with the same ids changes
-- nothing. A run that ended, or was erased, may be replaced: the record is written anew, so that nothing of the run
-- before is left in it.
-- The lines of a batch are accepted by whoever owns the batch, all or none, and with them moves its cursor.
-- KEYS  1 lane  2 lane counts  3 lane bytes  4 live  5 wake-up  6 job index  7 batch  8 its open jobs (any keys where they
--       are of no batch)  9... jobs
-- ARGV  1 lane name  2 most jobs (0: no bound)  3 most bytes (0: no bound)  4 states that may be replaced
--       5 most jobs in the index  6 ms that the jobs live at most  7 token of the batch's owner ("": they are of no batch)
--       8 fields and values of the batch's record, as msgpack
--       9... of each job: id, bytes, queue timeout ms, fence to begin with, fence of the ended run to replace ("" for
--       none), body, prefix, other fields and values of the record, one after the other, as msgpack, and its line in the
--       batch ("" for none)
-- Returns for each {"accepted", created_ms} | {"exists", state, digest ("": it was erased), created_ms, fence, result}
--         | {"full", jobs, bytes} | {"fenced"} (another owns the batch)
local ARGS, FIRST_KEY, FIRST_ARG = 9, 9, 9
local function each(answer)
  local answers = {}
  for i = FIRST_KEY, #KEYS do answers[#answers + 1] = answer end
  return answers
end
local is_of_batch = ARGV[7] ~= ''
if is_of_batch and redis.call('HGET', KEYS[7], 'token') ~= ARGV[7] then return each({'fenced'}) end
local function look(key) return redis.call('HMGET', key, 'state', 'digest', 'created_ms', 'fence', 'result', 'purged') end
-- Whatever is of another type is found out before anything is written.
local found = {}
for i = FIRST_KEY, #KEYS do found[i] = look(KEYS[i]) end
redis.call('XLEN', KEYS[1])
redis.call('ZCARD', KEYS[4])
local jobs = tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or 0)
local held = tonumber(redis.call('HGET', KEYS[3], ARGV[1]) or 0)
local most_jobs, most_bytes = tonumber(ARGV[2]), tonumber(ARGV[3])
local now = now_ms()
local answers, deadlines, times, written, lines, added = {}, {}, {}, {}, {}, 0
if is_of_batch then
  redis.call('HLEN', KEYS[8])
  local all = 0
  for at = FIRST_ARG, #ARGV, ARGS do all = all + tonumber(ARGV[at + 1]) end
  local count = #KEYS - FIRST_KEY + 1
  local is_full = (most_jobs > 0 and jobs + count > most_jobs) or (most_bytes > 0 and held + all > most_bytes)
  if is_full and not found[FIRST_KEY][1] then
    return each({'full', jobs, held})
  end
  most_jobs, most_bytes = 0, 0
end
for i = FIRST_KEY, #KEYS do
  local at = FIRST_ARG + (i - FIRST_KEY) * ARGS
  local id, bytes = ARGV[at], tonumber(ARGV[at + 1])
  -- The same job twice: the first of them is there by now.
  if written[id] then found[i] = look(KEYS[i]) end
  local state, digest, created, fence, result, purged = unpack(found[i], 1, 6)
  local is_replaceable = may_become(state, ARGV[4])
  -- The fence tells a repeat: it grew when the run was replaced.
  if state and (fence ~= ARGV[at + 4] or not (is_replaceable or purged)) then
    answers[i - FIRST_KEY + 1] = {'exists', state, digest or '', created, fence, is_replaceable and result or ''}
  elseif (most_jobs > 0 and jobs >= most_jobs) or (most_bytes > 0 and held + bytes > most_bytes) then
    answers[i - FIRST_KEY + 1] = {'full', jobs, held}
  else
    local deadline = now + tonumber(ARGV[at + 2])
    local entry = append_to_lane(KEYS[1], id, deadline, bytes)
    redis.call('DEL', KEYS[i])
    redis.call('HSET', KEYS[i], 'state', 'queued', 'created_ms', now, 'deadline_ms', deadline, 'fence', ARGV[at + 3],
      'losses', 0, 'lane', ARGV[1], 'entry', entry, 'bytes', bytes, 'body', ARGV[at + 5], 'prefix', ARGV[at + 6],
      unpack(cmsgpack.unpack(ARGV[at + 7])))
    answers[i - FIRST_KEY + 1] = {'accepted', now}
    jobs, held, added, written[id] = jobs + 1, held + bytes, added + bytes, true
    deadlines[#deadlines + 1], deadlines[#deadlines + 2] = deadline, id
    times[#times + 1], times[#times + 2] = now, id
    if is_of_batch then lines[#lines + 1], lines[#lines + 2] = id, ARGV[at + 8] end
  end
end
if is_of_batch then
  redis.call('HSET', KEYS[7], unpack(cmsgpack.unpack(ARGV[8])))
  if #lines > 0 then redis.call('HSET', KEYS[8], unpack(lines)) end
end
if #times == 0 then return answers end
count_in_lane(KEYS[2], KEYS[3], ARGV[1], #times / 2, added)
redis.call('ZADD', KEYS[4], unpack(deadlines))
-- The index only finds jobs: one of another type, or without these jobs, costs nobody more than that. A batch's lines are
-- found by the batch.
if not is_of_batch and type(redis.pcall('ZADD', KEYS[6], unpack(times))) == 'number' then
  redis.call('ZREMRANGEBYRANK', KEYS[6], 0, -tonumber(ARGV[5]) - 1)
  if redis.call('PTTL', KEYS[6]) < tonumber(ARGV[6]) then redis.call('PEXPIRE', KEYS[6], ARGV[6]) end
end
wake(KEYS[5])
return answers
