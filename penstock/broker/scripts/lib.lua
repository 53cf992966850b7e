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

-- An instance that was declared lost, or retired, may write nothing more.
local function fenced(worker)
  local state = redis.call('HGET', worker, 'state')
  return not state or state == 'lost'
end

local function ring(bell)
  if redis.call('LLEN', bell) == 0 then redis.call('LPUSH', bell, 1) end
end

-- Append a waiting job to a lane and count it; returns its entry id.
local function join_lane(lane, counts, sizes, name, id, deadline, bytes)
  redis.call('HINCRBY', counts, name, 1)
  redis.call('HINCRBY', sizes, name, bytes)
  return redis.call('XADD', lane, '*', 'j', id, 'd', deadline, 'b', bytes)
end

-- Take a job's entry out of its lane, if it is there; an empty lane leaves nothing behind.
-- The entry is looked at first: a lane that was deleted and made anew within a millisecond gives the same id again.
-- It says itself what it counted for: the job's record may be gone.
local function leave_lane(lane, counts, sizes, name, id, entry)
  local found = redis.call('XRANGE', lane, entry, entry)[1]
  if not found or found[2][2] ~= id then return end
  local bytes = found[2][6]
  redis.call('XDEL', lane, entry)
  if redis.call('XLEN', lane) == 0 then
    redis.call('DEL', lane)
    redis.call('HDEL', counts, name)
    redis.call('HDEL', sizes, name)
  else
    redis.call('HINCRBY', counts, name, -1)
    redis.call('HINCRBY', sizes, name, -bytes)
  end
end

-- Channel and payload pairs from ARGV[first] on.
local function publish(first)
  for i = first, #ARGV, 2 do redis.call('PUBLISH', ARGV[i], ARGV[i + 1]) end
end
