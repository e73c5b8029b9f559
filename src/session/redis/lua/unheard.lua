-- Notes that nobody has been told of a session's current pair, because too few replicas have it:
-- refresh.lua does not hold that pair's age against who asks for it later. KEYS: sessions
-- Answers 1, or 0 if the pair is no longer the current one.
local generation, issued = string.match(redis.call('HGET', KEYS[1], ARGV[1]) or '', '^(%d+) (%-?%d+) ')
if generation ~= ARGV[2] or issued ~= ARGV[3] then return 0 end
redis.call('SET', ARGV[4], generation, 'EX', ARGV[5])
return 1
