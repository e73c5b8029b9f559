-- Changes a device: mirrors rules::may_change. Deleting it ends its sessions.
-- KEYS: sessions, devices
-- Answers 1, or 0 if there is no such device or it is deleted.
local device, what, value, gone = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local remembered, most, waits, mark = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7], ARGV[8]
local old = redis.call('HGET', KEYS[2], device)
if not old or (string.sub(old, 1, 1) == 'x' and not (what == 'state' and value == 'x')) then
  if waits == '1' then touch(mark, 1) end
  return 0
end

if what == 'name' then
  local before, behind = string.match(old, '^([^\n]*\n[^\n]*\n)[^\n]*(\n.*)$')
  if not before then return redis.error_reply('UNREADABLE a device') end
  redis.call('HSET', KEYS[2], device, before .. value .. behind)
  return 1
end

local record, ended = value .. string.sub(old, 2), {}
if value == 'x' then
  -- Their clients are told, for as long as any of the account's tokens is good. First of all,
  -- because it fails while the slot is being moved to another node (as in begin.lua).
  local left = redis.call('TTL', KEYS[1])
  local kept = redis.call('HGETALL', KEYS[1])
  for n = 1, #kept, 2 do
    local expires, on, service =
      string.match(kept[n + 1], '^%d+ %-?%d+ (%-?%d+) [^\n]*\n([^\n]*)\n([^\n]*)\n')
    if on == device then
      redis.call('SET', gone .. kept[n], expires .. '\n' .. on .. '\n' .. service, 'EX', math.max(1, left))
      ended[#ended + 1] = kept[n]
    end
  end
end
redis.call('HSET', KEYS[2], device, record)
for _, id in ipairs(ended) do redis.call('HDEL', KEYS[1], id) end

-- Of the other deleted ones the oldest are forgotten, when they are many.
if value == 'x' and redis.call('HLEN', KEYS[2]) > remembered then
  local all, deleted = redis.call('HGETALL', KEYS[2]), {}
  for n = 1, #all, 2 do
    local registered = string.match(all[n + 1], '^x[^\n]*\n(%-?%d+)\n')
    if registered and all[n] ~= device then
      deleted[#deleted + 1] = {id = all[n], at = tonumber(registered)}
    end
  end
  table.sort(deleted, function(a, b)
    if a.at ~= b.at then return a.at < b.at end
    return a.id < b.id
  end)
  for n = 1, math.min(#deleted - remembered, most) do redis.call('HDEL', KEYS[2], deleted[n].id) end
end
return 1
