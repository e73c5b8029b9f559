-- Ends one session of a device. KEYS: sessions
-- Answers 1, or 0 if it was not alive. Tried again, it cannot tell who ended it, and it has ended.
local id, now, device, waits = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local mark, millis, again = ARGV[5], ARGV[6], ARGV[7]
local record = redis.call('HGET', KEYS[1], id)
if not record then
  -- The mark says to unbegin.lua that it is over, even if a sign-on that has evicted it is taken back.
  if waits == '1' then touch(mark, millis) end
  if again == '1' then return 1 end
  return 0
end
local expires, on = string.match(record, '^%d+ %-?%d+ (%-?%d+) [^\n]*\n([^\n]*)\n')
if not expires then return redis.error_reply('UNREADABLE a session') end
if tonumber(expires) <= now or on ~= device then return 0 end
redis.call('HDEL', KEYS[1], id)
return 1
