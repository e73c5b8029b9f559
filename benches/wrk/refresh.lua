-- Refreshes: takes the oldest refresh token, and puts the one it gets at the end of the
-- queue, so that no token is presented twice. BENCH_REFRESH is a file of at least twice as
-- many tokens as there are connections. The server that is compared to answers the same
-- body, so both cost this script the same.
--
-- With BENCH_GRANT_CLIENT, the credentials of HTTP Basic, it is an OAuth 2.0 server's refresh
-- grant (RFC 6749 section 6). One that keeps its refresh token answers the same again.
dofile(os.getenv("BENCH_WRK") .. "/common.lua")

-- A ring: never holds more than it began with.
local ring, size, first, held
local before, after

-- A refresh with this token.
local function refresh(token)
   local client = os.getenv("BENCH_GRANT_CLIENT")
   if client then
      return wrk.format("POST", "/token", {
         ["Content-Type"] = "application/x-www-form-urlencoded",
         ["Authorization"] = "Basic " .. client,
      }, "grant_type=refresh_token&refresh_token=" .. token)
   end
   local headers = ags_headers()
   headers["Authorization"] = "Bearer " .. token
   return wrk.format("POST", "/ags/refresh", headers, '{"parameters":[]}')
end

function init()
   ring = lines_of(env("BENCH_REFRESH"))
   size, first, held = #ring, 1, #ring
   if size < 128 then fail("too few refresh tokens: " .. size) end
   before, after = around(refresh(ring[1]), ring[1])
end

function request()
   if held == 0 then fail("out of refresh tokens: responses got lost") end
   local token = ring[first]
   first = first % size + 1
   held = held - 1
   return before .. token .. after
end

function response(status, _, body)
   local token = status == 200 and body:match('"refresh_token":"([^"]+)"')
   if not token then fail("refresh answered " .. status .. ": " .. body) end
   ring[(first + held - 1) % size + 1] = token
   held = held + 1
end
