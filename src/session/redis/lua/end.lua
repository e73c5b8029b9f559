-- Ends one session of a device. KEYS: sessions
-- Answers 1, or 0 if it was not alive. Tried again, it cannot tell who ended it, and it has ended.
local id, now, device, mark, again = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5]
local record = redis.call('HGET', KEYS[1], id)
if not record then
  if again ~= '1' then return 0 end
  -- What this connection writes comes after the first try, so that replicas that have it have both.
  redis.call('SET', mark, '', 'PX', 1)
  return 1
end
local expires, on = string.match(record, '^%d+ %-?%d+ (%-?%d+) [^\n]*\n([^\n]*)\n')
if not expires then return redis.error_reply('UNREADABLE a session') end
if tonumber(expires) <= now or on ~= device then return 0 end
redis.call('HDEL', KEYS[1], id)
return 1
