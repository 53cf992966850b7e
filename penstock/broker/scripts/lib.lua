-- What every script shares; the loader puts it in front of each.

-- Milliseconds since 1970 by this server's clock: the one clock of every record.
local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- `sources` is ",queued,assigned,": see penstock/job.py.
local function may_become(state, sources)
  return state and string.find(sources, ',' .. state .. ',', 1, true) ~= nil
end

-- Fields of a job's record; nothing where there is none, or where something else than a record has its key.
local function fields_of(job, ...)
  local values = redis.pcall('HMGET', job, ...)
  if values.err then return end
  return unpack(values)
end

-- Whether something else than a hash has the key.
local function is_no_hash(key)
  return type(redis.pcall('HLEN', key)) == 'table'
end

-- An instance that was declared lost, or retired, may write nothing more.
local function fenced(worker)
  local state = redis.call('HGET', worker, 'state')
  return not state or state == 'lost'
end

-- Wake who waits for work. A wake-up list of another type stops no script: lead.lua and create_batch.lua put it right, and
-- who waits looks about from time to time without it.
local function wake(wake_up)
  if redis.pcall('LLEN', wake_up) == 0 then redis.call('LPUSH', wake_up, 1) end
end

-- Strike a job that has ended off the live ones. Where something else has their key, none is listed: the end of a job must
-- not wait for that, nor what its worker writes after it.
local function not_live(live, id)
  redis.pcall('ZREM', live, id)
end

-- Append a waiting job to a lane, which has yet to count it; returns its entry id.
local function append_to_lane(lane, id, deadline, bytes)
  return redis.call('XADD', lane, '*', 'j', id, 'd', deadline, 'b', bytes)
end

-- Count jobs that were appended to a lane. A count that is none is mended by sweep_lane.lua.
local function count_in_lane(counts, sizes, name, jobs, bytes)
  redis.pcall('HINCRBY', counts, name, jobs)
  redis.pcall('HINCRBY', sizes, name, bytes)
end

-- Append a waiting job to a lane and count it; returns its entry id.
local function join_lane(lane, counts, sizes, name, id, deadline, bytes)
  local entry = append_to_lane(lane, id, deadline, bytes)
  count_in_lane(counts, sizes, name, 1, bytes)
  return entry
end

-- Take a job's entry out of its lane, if it is there; an empty lane leaves nothing behind. Returns how many it took out.
-- The entry is looked at first: a lane that was deleted and made anew within a millisecond gives the same id again.
-- It says itself what it counted for: the job's record may be gone.
local function leave_lane(lane, counts, sizes, name, id, entry)
  local found = redis.pcall('XRANGE', lane, entry, entry)
  found = not found.err and found[1]
  if not found or found[2][2] ~= id then return 0 end
  local bytes = tonumber(found[2][6]) or 0
  redis.call('XDEL', lane, entry)
  if redis.call('XLEN', lane) == 0 then
    redis.call('DEL', lane)
    redis.pcall('HDEL', counts, name)
    redis.pcall('HDEL', sizes, name)
  else
    redis.pcall('HINCRBY', counts, name, -1)
    redis.pcall('HINCRBY', sizes, name, -bytes)
  end
  return 1
end

-- Put aside what has a key of ours and is of another type, so that nobody waits for whoever put it there.
local function set_aside(key, kind)
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= kind then redis.call('RENAME', key, key .. ':displaced') end
end

-- Write a job's end into the pool's ledger, in the script that writes it into the record: no end without an entry, no
-- entry without an end. `outcome` is what whoever ends the job knows of it; the rest is the record's.
-- Something else that has its key is put aside: the end of a job must not wait for whoever put it there.
local function enter_end(ledger, job, id, outcome)
  set_aside(ledger, 'stream')
  redis.call('XADD', ledger, '*', 'j', id, 'o', outcome, 'r', cmsgpack.pack(redis.call('HMGET', job, 'fence', 'state',
    'tenant', 'key', 'model', 'class', 'created_ms', 'assigned_ms', 'started_ms', 'first_token_ms', 'finished_ms',
    'webhook', 'view', 'batch')))
end

-- Leave nothing of a job that has ended but its end: neither what was asked nor what was answered. What stays for a moment
-- says to those who still listen that the job is not lost; `stub` is the result that they find.
local function erase(job, stub)
  redis.call('HDEL', job, 'body', 'request', 'digest', 'prefix', 'metadata', 'evidence', 'trace', 'key', 'listeners',
    'purge', 'webhook')
  redis.call('HSET', job, 'result', stub, 'purged', 1)
  redis.call('PEXPIRE', job, 60000)
end

-- A job has ended: its record stays for so long, unless somebody wants it erased.
local function retain(job, ttl)
  local stub = redis.call('HGET', job, 'purge')
  if stub then erase(job, stub) else redis.call('PEXPIRE', job, ttl) end
end

-- Channel and payload pairs from ARGV[first] on.
local function publish(first)
  for i = first, #ARGV, 2 do redis.call('PUBLISH', ARGV[i], ARGV[i + 1]) end
end
