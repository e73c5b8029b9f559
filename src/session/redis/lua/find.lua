-- Looks for a session where replicas are waited for: that it is not there may be what they do not have yet.
-- KEYS: sessions. Answers its record, or nothing.
local record = redis.call('HGET', KEYS[1], ARGV[1])
if not record then touch(ARGV[2], 1) end
return record
