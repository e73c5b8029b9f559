-- An SSO cookie for a JWT: one fixed request.
-- BENCH_COOKIE is the whole Cookie header, BENCH_COMMUNITY_TENANT the tenant.
dofile(os.getenv("BENCH_WRK") .. "/common.lua")

wrk.method = "POST"
wrk.path = "/services/v2/auth/cookiesso/token.json"
wrk.headers["Cookie"] = env("BENCH_COOKIE")
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Accept"] = "application/json"
wrk.headers["nv-tenant-id"] = env("BENCH_COMMUNITY_TENANT")
