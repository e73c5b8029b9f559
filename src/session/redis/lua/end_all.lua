-- Ends all sessions of an account. KEYS: sessions
-- Answers how many were alive.
local alive, now = 0, tonumber(ARGV[1])
for _, record in ipairs(redis.call('HVALS', KEYS[1])) do
  local expires = string.match(record, '^%d+ %-?%d+ (%-?%d+) ')
  if not expires or tonumber(expires) > now then alive = alive + 1 end
end
redis.call('UNLINK', KEYS[1])
return alive
