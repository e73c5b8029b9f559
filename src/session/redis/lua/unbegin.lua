-- Takes a sign-on back that nobody is told of, because too few replicas have it: removes the session and its new
-- device, and puts back the ticket and those whom it evicted, unless something else has come of them meanwhile.
-- KEYS: sessions, devices[, ticket]
-- ARGV: the session, its device, that one's record if it is new, what names of notes and of ends begin with, then what
-- begin.lua answered: the session's record, the ticket and its seconds, and of each who was evicted id and record.
-- Answers 1, or 0 if the session is no longer as it began.
local sessions, devices, ticket = KEYS[1], KEYS[2], KEYS[3]
local id, device, value, gone, ended = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local record, taken, seconds = ARGV[6], ARGV[7], tonumber(ARGV[8])

-- What is not named in KEYS and has been moved to another node counts as not there.
local function is_there(key) return type(redis.pcall('GET', key)) == 'string' end

if redis.call('HGET', sessions, id) ~= record then
  -- A sign-on that has evicted it since need not put it back.
  redis.pcall('DEL', gone .. id)
  return 0
end

local with_and_on = '^%d+ %-?%d+ %-?%d+ [01] %-?%d+ %-?%d+ (%S+)\n([^\n]*)\n'
local upstream = string.match(record, with_and_on)
local is_alone, is_shared = true, false
local kept = redis.call('HGETALL', sessions)
for n = 1, #kept, 2 do
  if kept[n] ~= id then
    local with, on = string.match(kept[n + 1], with_and_on)
    if on == device then is_alone = false end
    if with == upstream and with ~= '-' then is_shared = true end
  end
end

-- A place that somebody has come to share stays theirs, and those who had to make it free stay away.
local back = {}
for n = 9, #ARGV - 1, 2 do
  local with, on = string.match(ARGV[n + 1], with_and_on)
  local state = string.sub(redis.call('HGET', devices, on) or '', 1, 1)
  if (with == upstream or not is_shared) and (state == 'a' or state == 'd')
    and is_there(gone .. ARGV[n]) and not is_there(ended .. ARGV[n]) then
    back[#back + 1] = n
  end
end

-- Nothing fails from here on.
if taken ~= '' then
  redis.call('SET', ticket, taken, 'EX', math.max(1, seconds), 'NX')
end
for _, n in ipairs(back) do
  redis.call('HSETNX', sessions, ARGV[n], ARGV[n + 1])
  redis.call('DEL', gone .. ARGV[n])
end
if value ~= '' and is_alone and redis.call('HGET', devices, device) == value then
  redis.call('HDEL', devices, device)
end
redis.call('HDEL', sessions, id)
return 1
