-- What every script that writes begins with (scripts.rs puts it there). A partition that heals
-- delivers what was sent before it, when its caller has long been told "unavailable" and may have
-- asked again elsewhere: late, a refresh would look like reuse, and signing out everywhere would
-- end what was begun since. So a call that comes late is void. The last argument says when that
-- is, in microseconds of this server's clock.
local clock = redis.call('TIME')
if clock[1] * 1000000 + clock[2] > tonumber(ARGV[#ARGV]) then
  return redis.error_reply('LATE nobody waits for it any more')
end
