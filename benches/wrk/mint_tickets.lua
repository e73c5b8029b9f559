-- Gets BENCH_COUNT one-time session tokens with the head-end's tokens in the file BENCH_OPERATORS, by
-- turns, and writes them to the file BENCH_OUT, one a line. Not measured; ends as soon as it has them, and fails if the
-- time given to wrk runs out first.
dofile(os.getenv("BENCH_WRK") .. "/common.lua")

local wanted = tonumber(env("BENCH_COUNT"))
local count, out = 0, nil
local operators, used, before, after = nil, 0, nil, nil

function init()
   out = assert(io.open(env("BENCH_OUT"), "w"))
   operators = lines_of(env("BENCH_OPERATORS"))
   before, after = around(wrk.format("POST", "/ags/getSessionToken", ags_headers(),
      '{"parameters":[{"name":"OperatorAuthToken","value":"' .. operators[1] .. '"}]}'), operators[1])
end

function request()
   used = used % #operators + 1
   return before .. operators[used] .. after
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
