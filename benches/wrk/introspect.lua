-- Asks oidc-provider about one opaque token: RFC 7662.
dofile(os.getenv("BENCH_WRK") .. "/common.lua")

wrk.method = "POST"
wrk.path = "/token/introspection"
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
wrk.body = "client_id=gateway-post&client_secret=a%20secret%20%26%20more%20%3D%20%25&token=" .. env("BENCH_OPAQUE_TOKEN")
