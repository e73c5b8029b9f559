-- Keeps a value until a time, and a while longer for clocks that differ. KEYS: the key
-- An hour at least, should this server's clock be ahead of the caller's; where the time has passed for it, a day.
local slack, forever = tonumber(ARGV[3]), tonumber(ARGV[4])
local left = tonumber(ARGV[2]) - tonumber(redis.call('TIME')[1]) + slack
if left <= slack then left = 86400 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', string.format('%.0f', math.min(math.max(left, 3600), forever)))
return 1
