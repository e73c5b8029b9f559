-- Before each script that writes. What a broken network keeps and delivers late, when its caller has
-- been told 503 and has gone on elsewhere, must change nothing: a refresh would look like reuse by then.
-- The last argument is when it is too late, in milliseconds of this server's clock.
do
  local time = redis.call('TIME')
  if time[1] * 1000 + time[2] / 1000 > tonumber(ARGV[#ARGV]) then
    return redis.error_reply('LATE for its caller')
  end
end
