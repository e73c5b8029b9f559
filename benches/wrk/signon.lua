-- Signs on, each request with a one-time session token of its own from the file
-- BENCH_TICKETS, on the device BENCH_CLIENT_ID or, without it, a new one. Fails when the tokens run out, because a
-- used one would measure refusals.
--
-- With BENCH_OUT it is not a measurement: it writes BENCH_COUNT refresh tokens there, one a
-- line, and ends.
dofile(os.getenv("BENCH_WRK") .. "/common.lua")

local tickets, used = nil, 0
local before, after

function init()
   tickets = lines_of(env("BENCH_TICKETS"))
   local device = os.getenv("BENCH_CLIENT_ID")
   device = device and device ~= "" and '"clientId":"' .. device .. '"'
      or '"deviceInformation":{"deviceType":"bench","playoutDeviceClass":"TV"}'
   before, after = around(wrk.format("POST", "/ags/signOnWithSessionToken", ags_headers(),
      '{"parameters":[{"name":"sessionToken","value":"' .. tickets[1]
      .. '"}],' .. device .. '}'), tickets[1])
end

function request()
   used = used + 1
   local ticket = tickets[used]
   if not ticket then fail("out of session tokens after " .. used - 1) end
   return before .. ticket .. after
end

if os.getenv("BENCH_OUT") then
   local wanted = tonumber(env("BENCH_COUNT"))
   local count, out = 0, nil

   -- Defined only here: with a `response` wrk keeps and copies every body.
   function response(status, _, body)
      local token = status == 201 and body:match('"refresh_token":"([^"]+)"')
      if not token then fail("signOnWithSessionToken answered " .. status .. ": " .. body) end
      out = out or assert(io.open(env("BENCH_OUT"), "w"))
      out:write(token, "\n")
      count = count + 1
      if count == wanted then
         out:close()
         os.exit(0)
      end
   end
end
