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

-- Who cannot ring does his work all the same: a bell that is none is put right by lead.lua, and the leader looks about
-- from time to time without it.
local function ring(bell)
  if redis.pcall('LLEN', bell) == 0 then redis.call('LPUSH', bell, 1) end
end

-- Append a waiting job to a lane and count it; returns its entry id. A count that is none is mended by sweep_lane.lua.
local function join_lane(lane, counts, sizes, name, id, deadline, bytes)
  local entry = redis.call('XADD', lane, '*', 'j', id, 'd', deadline, 'b', bytes)
  redis.pcall('HINCRBY', counts, name, 1)
  redis.pcall('HINCRBY', sizes, name, bytes)
  return entry
end

-- Take a job's entry out of its lane, if it is there; an empty lane leaves nothing behind.
-- The entry is looked at first: a lane that was deleted and made anew within a millisecond gives the same id again.
-- It says itself what it counted for: the job's record may be gone.
local function leave_lane(lane, counts, sizes, name, id, entry)
  local found = redis.pcall('XRANGE', lane, entry, entry)
  found = not found.err and found[1]
  if not found or found[2][2] ~= id then return end
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
end

-- Channel and payload pairs from ARGV[first] on.
local function publish(first)
  for i = first, #ARGV, 2 do redis.call('PUBLISH', ARGV[i], ARGV[i + 1]) end
end
