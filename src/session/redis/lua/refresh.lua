-- What a presented refresh token is worth: mirrors rules::refresh.
-- KEYS: sessions, devices
-- Answers a letter with the record behind it: R rotated, P the same pair again, Q the same when nobody had
-- been told of it; or alone: N no such session, G gone, D device disabled, X device deleted, U reused, E exhausted.
local waits = ARGV[12] == '1'
local record = redis.call('HGET', KEYS[1], ARGV[1])
if not record then
  if waits then touch(ARGV[14], 1) end
  return 'N'
end
local generation, issued, expires, network, rest, owner, class, account = string.match(record,
  '^(%d+) (%-?%d+) (%-?%d+) ([01]) ([^\n]*)\n([^\n]*\n[^\n]*)\n([^\n]*)\n(.*)$')
if not generation then return redis.error_reply('UNREADABLE a session') end
local now = tonumber(ARGV[2])
if tonumber(expires) <= now or owner ~= ARGV[3] then return 'G' end

local state = string.sub(redis.call('HGET', KEYS[2], ARGV[4]) or '', 1, 1)
if state == 'd' then return 'D' end
if state ~= 'a' then return 'X' end

-- Writes the session with the pair of a generation, issued now; answers its record.
local function issue(number)
  if ARGV[9] ~= '' then account = ARGV[9] end
  record = string.format('%d', number) .. ' ' .. ARGV[2] .. ' ' .. ARGV[7] .. ' ' .. ARGV[8] .. ' '
    .. rest .. '\n' .. owner .. '\n' .. class .. '\n' .. account
  redis.call('HSET', KEYS[1], ARGV[1], record)
  if redis.call('TTL', KEYS[1]) < tonumber(ARGV[10]) then redis.call('EXPIRE', KEYS[1], ARGV[10]) end
  return record
end

local current, presented = tonumber(generation), tonumber(ARGV[5])
if presented == current then
  if current >= tonumber(ARGV[6]) then
    redis.call('HDEL', KEYS[1], ARGV[1])
    return 'E'
  end
  return 'R' .. issue(current + 1)
end
if presented > 0 and presented + 1 == current then
  if now <= tonumber(issued) + tonumber(ARGV[11]) then
    if not waits then return 'P' .. record end
    -- Written again where replicas are waited for: they may not have the rotation yet. If they have
    -- it now, somebody is told of it. (The note is seldom there; nor can it be looked at while the
    -- slot is moved.)
    redis.call('HSET', KEYS[1], ARGV[1], record)
    if redis.pcall('GET', ARGV[13]) ~= generation then return 'P' .. record end
    redis.call('DEL', ARGV[13])
    return 'Q' .. record
  end
  if waits and redis.call('GET', ARGV[13]) == generation then
    -- Nobody has been told of the current pair, whose replicas were away: it is issued now.
    redis.call('DEL', ARGV[13])
    return 'Q' .. issue(current)
  end
end
redis.call('HDEL', KEYS[1], ARGV[1])
return 'U'
