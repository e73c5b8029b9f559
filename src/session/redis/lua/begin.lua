-- Begins a session: all checks, in the order of the errors, then the changes.
-- Mirrors rules::{honours, usable, room, first}; the records are described in record.rs.
-- KEYS: sessions, devices[, ticket]
-- Answers {'B', record, ticket, its seconds, evicted id, its record...}, or one letter: T no ticket,
-- U device unknown, D disabled, L device limit, S session limit, C conflict. What was the ticket is
-- only said where replicas are waited for, so that it can be put back (unbegin.lua).
local sessions, devices, ticket = KEYS[1], KEYS[2], KEYS[3]
local id, now, head, account, ttl = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], tonumber(ARGV[5])
local service, mode, device, class, value = ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[10]
local most, most_of_class = tonumber(ARGV[11]), tonumber(ARGV[12])
local places_max, when_full, upstream, sharing_max = tonumber(ARGV[13]), ARGV[14], ARGV[15], tonumber(ARGV[16])
local gone, slack, forever = ARGV[17], tonumber(ARGV[18]), tonumber(ARGV[19])
local waits, mark, again = ARGV[20] == '1', ARGV[21], ARGV[22]

if again == '1' then
  local old = redis.call('HGET', sessions, id)
  if old and string.sub(old, 1, #head) == head and string.sub(old, -#account) == account then
    -- The first try was carried out; written again, so that this connection can wait for it.
    redis.call('HSET', sessions, id, old)
    return {'B', old, false, false}
  end
end

local taken, seconds = false, false
if ticket then
  local found = redis.call('GET', ticket)
  if waits and found then
    taken, seconds = found, redis.call('TTL', ticket)
  elseif waits then
    -- Whoever has used it may put it back.
    touch(mark, 1)
  end
  local expires, of = string.match(found or '', '^(%-?%d+)\n([^\n]*)\n')
  if not expires or tonumber(expires) <= now or of ~= service then return 'T' end
end

if mode == 'foreign' then return 'U' end
if mode == 'existing' then
  local state, of = string.match(redis.call('HGET', devices, device) or '', '^(.)([^\n]*)\n')
  if state == 'd' then return 'D' end
  if state ~= 'a' then return 'U' end
  class = of
elseif most or most_of_class then
  local all, of_class = 0, 0
  for _, other in ipairs(redis.call('HVALS', devices)) do
    local state, of = string.match(other, '^(.)([^\n]*)\n')
    if state ~= 'x' then
      all = all + 1
      if of == class then of_class = of_class + 1 end
    end
  end
  if (most and all >= most) or (most_of_class and of_class >= most_of_class) then return 'L' end
end

-- Whom to look at: all of them for a limit, else enough to keep up with what expires.
local kept
if places_max or redis.call('HLEN', sessions) <= 32 then
  kept = redis.call('HGETALL', sessions)
else
  kept = redis.call('HRANDFIELD', sessions, 16, 'WITHVALUES')
end
local held, expired = {}, {}
for n = 1, #kept, 2 do
  local issued, expires, begun, with, on =
    string.match(kept[n + 1], '^%d+ (%-?%d+) (%-?%d+) [01] (%-?%d+) %-?%d+ (%S+)\n([^\n]*\n[^\n]*)\n')
  if not issued then return redis.error_reply('UNREADABLE a session') end
  if tonumber(expires) > now then
    local ends, number = string.match(kept[n], '^(%-?%d+)%.(%d+)$')
    held[#held + 1] = {
      id = kept[n], ends = tonumber(ends), number = tonumber(number), with = with, owner = on,
      expires = expires, issued = tonumber(issued), begun = tonumber(begun), record = kept[n + 1],
    }
  elseif tonumber(expires) + slack <= now and kept[n] ~= id and #expired < 1000 then
    expired[#expired + 1] = kept[n]
  end
end

local function by_id(a, b)
  if a.ends ~= b.ends then return a.ends < b.ends end
  return a.number < b.number
end

local evicted = {}
if places_max then
  local shared = {}
  if upstream ~= '-' then
    for _, one in ipairs(held) do
      if one.with == upstream then shared[#shared + 1] = one end
    end
  end
  if #shared > 0 then
    table.sort(shared, function(a, b)
      if a.issued ~= b.issued then return a.issued < b.issued end
      return by_id(a, b)
    end)
    for n = 1, #shared + 1 - sharing_max do evicted[#evicted + 1] = shared[n] end
  else
    local places, of = {}, {}
    for _, one in ipairs(held) do
      local place = one.with ~= '-' and of[one.with]
      if place then
        if by_id(one, place.first) then place.first = one end
        place.taken = math.min(place.taken, one.begun)
        place.used = math.max(place.used, one.issued)
        place.sessions[#place.sessions + 1] = one
      else
        place = {first = one, taken = one.begun, used = one.issued, sessions = {one}}
        places[#places + 1] = place
        if one.with ~= '-' then of[one.with] = place end
      end
    end
    local over = #places + 1 - places_max
    if over > 0 then
      if when_full == 'deny' then return 'S' end
      table.sort(places, function(a, b)
        if a[when_full] ~= b[when_full] then return a[when_full] < b[when_full] end
        return by_id(a.first, b.first)
      end)
      for n = 1, over do
        for _, one in ipairs(places[n].sessions) do evicted[#evicted + 1] = one end
      end
    end
  end
  table.sort(evicted, by_id)
end

local old = redis.call('HGET', sessions, id)
if old and tonumber(string.match(old, '^%d+ %-?%d+ (%-?%d+) ') or 'inf') > now then return 'C' end
if mode == 'new' and redis.call('HGET', devices, device) then return 'C' end

-- What can fail comes first: while the slot is being moved to another node, nothing can be
-- written here under a name that is not there yet, as that of a note. A note on a session that
-- is there says nothing.
local answer = {'B', head .. class .. '\n' .. account, taken, seconds}
for _, one in ipairs(evicted) do
  -- Its client is told, for as long as its token is good.
  local left = math.max(1, math.min(tonumber(one.expires) - now + slack, forever))
  redis.call('SET', gone .. one.id, one.expires .. '\n' .. one.owner, 'EX', string.format('%.0f', left))
end
-- Nothing fails from here on.
if mode == 'new' then redis.call('HSETNX', devices, device, value) end
redis.call('HSET', sessions, id, answer[2])
for _, one in ipairs(evicted) do
  redis.call('HDEL', sessions, one.id)
  answer[#answer + 1] = one.id
  answer[#answer + 1] = one.record
end
if #expired > 0 then redis.call('HDEL', sessions, unpack(expired)) end
if redis.call('TTL', sessions) < ttl then redis.call('EXPIRE', sessions, ARGV[5]) end
if ticket then redis.call('DEL', ticket) end
return answer
