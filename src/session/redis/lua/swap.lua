-- Replaces a document if it still has the expected version. KEYS: the document
-- Answers 1, or 0 if somebody else was first.
local version = redis.call('HGET', KEYS[1], 'version') or '0'
if version ~= ARGV[1] then
  -- Tried again, and the first try was carried out?
  if ARGV[4] ~= '1' or version ~= ARGV[2] or redis.call('HGET', KEYS[1], 'bytes') ~= ARGV[3] then
    return 0
  end
end
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'bytes', ARGV[3])
return 1
