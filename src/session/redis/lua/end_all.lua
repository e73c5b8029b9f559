-- Ends all sessions of an account. KEYS: sessions
-- Answers how many were alive.
local now, mark, again = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local alive = 0
for _, record in ipairs(redis.call('HVALS', KEYS[1])) do
  local expires = string.match(record, '^%d+ %-?%d+ (%-?%d+) ')
  if not expires or tonumber(expires) > now then alive = alive + 1 end
end
redis.call('UNLINK', KEYS[1])
-- As in end.lua.
if again == '1' then redis.call('SET', mark, '', 'PX', 1) end
return alive
