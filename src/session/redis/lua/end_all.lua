-- Ends all sessions of an account. KEYS: sessions
-- Answers how many were alive.
local now, waits, mark = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local alive = 0
for _, record in ipairs(redis.call('HVALS', KEYS[1])) do
  local expires = string.match(record, '^%d+ %-?%d+ (%-?%d+) ')
  if not expires or tonumber(expires) > now then alive = alive + 1 end
end
if redis.call('UNLINK', KEYS[1]) == 0 and waits == '1' then touch(mark, 1) end
return alive
