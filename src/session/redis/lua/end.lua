-- Ends one session of a device. KEYS: sessions
-- Answers 1, or 0 if it was not alive. Tried again, it cannot tell who ended it, and it has ended.
local record = redis.call('HGET', KEYS[1], ARGV[1])
if not record then return tonumber(ARGV[4]) end
local expires, device = string.match(record, '^%d+ %-?%d+ (%-?%d+) [^\n]*\n([^\n]*)\n')
if not expires then return redis.error_reply('UNREADABLE a session') end
if tonumber(expires) <= tonumber(ARGV[2]) or device ~= ARGV[3] then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
return 1
