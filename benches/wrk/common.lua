-- Shared by the load scripts: reading their environment, building a request around a
-- value that changes, stopping loudly, and the one line that scripts/bench reads.

-- Stops wrk at once, with a status that scripts/bench takes for a failure.
function fail(message)
   io.stderr:write("wrk: " .. message .. "\n")
   os.exit(3)
end

function env(name)
   local value = os.getenv(name)
   if not value or value == "" then fail(name .. " is not set") end
   return value
end

-- The headers of every AGS call.
function ags_headers()
   return {
      ["Content-Type"] = "application/json",
      ["nv-tenant-id"] = env("BENCH_AGS_TENANT"),
      ["x-auth-service-id"] = env("BENCH_AGS_SERVICE"),
   }
end

-- The lines of a file.
function lines_of(path)
   local lines = {}
   for line in io.lines(path) do lines[#lines + 1] = line end
   if #lines == 0 then fail(path .. " is empty") end
   return lines
end

-- Cuts a request in two at `value`, so that another value of the same length can be put
-- in its place by one concatenation: wrk.format for every request would be measured too.
function around(request, value)
   local first, last = request:find(value, 1, true)
   if not first then fail("the request does not hold the value to replace") end
   return request:sub(1, first - 1), request:sub(last + 1)
end

-- One line for scripts/bench. Times are microseconds. 3xx is not counted by wrk; no
-- route under test answers one, and scripts/bench checks the status of a first call.
function done(summary, latency)
   local e = summary.errors
   print(string.format("BENCH requests=%d duration_us=%d p50_us=%d p99_us=%d non2xx=%d socket=%d",
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
      e.status, e.connect + e.read + e.write + e.timeout))
end
