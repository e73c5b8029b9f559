# An API that asks the identity provider about every request, beside one that gets its JWT from Cambio: both
# start from the same opaque token of oidc-provider (npm). Asked for by name only. Starts the provider for
# peer_refresh.sh too.
# shellcheck shell=bash disable=SC2034,SC2154 # shares its variables with scripts/bench

peer() {
    local round line dir=$WORK/peer provider_pid port=$((FLOOR_PORT + 5)) direct cambio
    [[ ! $NOISE && $ONLY && peer-introspection == "$ONLY"* ]] || return 0
    start_provider "$dir/direct" "$port"
    provider_pid=$PID
    URL=http://127.0.0.1:$port
    BENCH_OPAQUE_TOKEN=$(curl -sS --max-time 10 -u "robot:a secret of the robot" \
        -d grant_type=client_credentials -d scope=read -d resource=urn:opaque "$URL/token" | text access_token)
    [[ $BENCH_OPAQUE_TOKEN ]] || die 1 "oidc-provider gave no token: $(cat "$dir/direct/stderr")"
    export BENCH_OPAQUE_TOKEN

    PEER_PORT=$port
    start_cambio "$WORK/cambio" introspection ''
    CANDIDATE_PID=$PID
    wait_ready "$WORK/cambio" "$ADMIN_PORT"
    BENCH_COOKIE="AnswerHubCookieSSO=$BENCH_OPAQUE_TOKEN" BENCH_COMMUNITY_TENANT=community
    BENCH_AGS_TENANT='' BENCH_AGS_SERVICE='' BENCH_OPERATOR_TOKEN=''
    save_credentials "$WORK/cambio"
    for ((round = 0; round <= ROUNDS; round++)); do
        PID=$provider_pid URL=http://127.0.0.1:$port SIDE=$dir/direct
        direct=$(run introspect-direct)
        use_cambio
        check_cookie
        cambio=$(run cookie-introspection)
        say "peer-introspection round $round: oidc-provider ${direct%% *} req/s, cambio ${cambio%% *} req/s"
        # The first one warms up.
        ((round == 0)) || echo "${direct%% *} ${cambio%% *}" >>"$dir/results"
    done
    stop_servers
    sort -n "$dir/results" | awk '{ d[NR] = $1; c[NR] = $2 } END { m = int((NR + 1) / 2)
        printf "| asking oidc-provider about a token, one process | %d req/s | |\n", d[m]
        printf "| the same token for a JWT, by Cambio with its verdict kept | %d req/s, %.0f times as many | |\n", c[m], c[m] / d[m] }' \
        >>"$WORK/idle-table"
}

# start_provider DIR PORT [NAME=VALUE…]: oidc-provider with its own store, in memory, and more of its environment.
start_provider() {
    local dir=$1 port=$2 module
    shift 2
    # shellcheck source=scripts/real.sh
    . scripts/real.sh
    need_oidc_provider
    stop_if_missing
    mkdir -p "$dir"
    # Modules are found beside the file.
    module=$CAMBIO_REAL_DIR/oidc-provider/bench-provider.mjs
    cp tests/it/real/oidc-provider/provider.mjs "$module"
    spawn "$dir" env NODE_ENV=production PORT="$port" KEY_ID=bench CLIENT_KEY="$PEER_CLIENT_KEY" "$@" node "$module"
    await_port "$port" oidc-provider
}

# A public key that a client of the provider's must have; nobody uses it here.
PEER_CLIENT_KEY='{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","kid":"bench","alg":"ES256","use":"sig"}'

introspection_config() {
    cat <<END
store.kind = "memory"
[validators.sso]
kind = "introspection"
url = "http://127.0.0.1:$PEER_PORT/token/introspection"
auth = { client_secret_post = { client_id = "gateway-post", client_secret = "a secret & more = %" } }
fields = { subject = "client_id" }
cache = { ttl = "10m", obey_hints = false }
END
    community_config
}
