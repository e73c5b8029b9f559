-- Gets BENCH_COUNT one-time session tokens with BENCH_OPERATOR_TOKEN and writes them to the
-- file BENCH_OUT, one a line. Not measured; ends as soon as it has them, and fails if the
-- time given to wrk runs out first.
dofile(os.getenv("BENCH_WRK") .. "/common.lua")

local wanted = tonumber(env("BENCH_COUNT"))
local count, out = 0, nil

function init()
   out = assert(io.open(env("BENCH_OUT"), "w"))
   wrk.method = "POST"
   wrk.path = "/ags/getSessionToken"
   for name, value in pairs(ags_headers()) do wrk.headers[name] = value end
   wrk.body = '{"parameters":[{"name":"OperatorAuthToken","value":"'
      .. env("BENCH_OPERATOR_TOKEN") .. '"}]}'
end

function response(status, _, body)
   local token = status == 200 and body:match('"sessionToken":"([^"]+)"')
   if not token then fail("getSessionToken answered " .. status .. ": " .. body) end
   out:write(token, "\n")
   count = count + 1
   if count == wanted then
      out:close()
      os.exit(0)
   end
end

function done()
   fail("getSessionToken gave too few tokens in the time it had")
end
