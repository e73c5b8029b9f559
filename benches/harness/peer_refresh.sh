# Refreshing at Cambio beside oidc-provider's refresh grant (npm): one process each, all up at once and asked in
# turn, so that what the machine does besides hits all of them. Asked for by name only. Called by scripts/bench.
# shellcheck shell=bash disable=SC2034,SC2154 # shares its variables with scripts/bench

# Log-ins at each side, each a grant of its own, and so refresh tokens that go round.
PEER_GRANTS=256

peer_refresh() {
    local round side result base=$((FLOOR_PORT + 6))
    [[ ! $NOISE && $ONLY && peer-refresh == "$ONLY"* ]] || return 0
    declare -A PEER_PID=() PEER_URL=()
    start_grants rotating $((base)) always
    start_grants keeping $((base + 1)) never
    start_refreshed memory '' $((base + 2))
    start_refreshed memory ags-standard $((base + 4))
    STORE_PORT=$((FLOOR_PORT + 4))
    start_store redis
    start_refreshed redis '' $((base + 6))
    for ((round = 0; round <= ROUNDS; round++)); do
        for side in rotating keeping memory memory-ags-standard redis; do
            use_peer "$side"
            refreshable "$side"
            result=$(run refresh)
            # The first one warms up.
            ((round == 0)) || echo "$result" >>"$SIDE/results"
            say "peer-refresh round $round $side: $(awk '{ printf "%s req/s, p50 %s us, p99 %s us, server %s %% busy", $1, $2, $3, $4 }' <<<"$result")"
        done
    done
    stop_servers
    {
        refresh_row rotating "oidc-provider, every refresh token replaced; signs 1 × ES256 (the access token; refresh tokens are opaque), in maps"
        refresh_row keeping "oidc-provider, refresh tokens kept; signs 1 × ES256, in maps"
        refresh_row memory-ags-standard "Cambio, \`profile = \"standard\"\`; signs 2 × ES256 and verifies 1, in memory"
        refresh_row memory "Cambio, as the vendor's; signs 2 × HS256 and verifies 1, in memory"
        refresh_row redis "Cambio, the same, in Redis"
    } >>"$WORK/idle-table"
}

# use_peer SIDE: who is asked.
use_peer() {
    SIDE=$WORK/peer-refresh/$1 PID=${PEER_PID[$1]} URL=${PEER_URL[$1]}
    credentials_of_side
    export BENCH_GRANT_CLIENT
    # The client "web" of provider.mjs.
    BENCH_GRANT_CLIENT=$(printf %s "web:$PEER_WEB_SECRET" | base64)
    [[ $1 == rotating || $1 == keeping ]] || unset BENCH_GRANT_CLIENT
}
PEER_WEB_SECRET='a+secret+of+the+web'

# start_grants SIDE PORT ROTATE: a provider.
start_grants() {
    local dir=$WORK/peer-refresh/$1
    start_provider "$dir" "$2" ROTATE="$3" STORE="$PWD/benches/harness/peer-store.mjs"
    PEER_PID[$1]=$PID PEER_URL[$1]=http://127.0.0.1:$2
}

# refreshable SIDE: refresh tokens for a run. When the last one ended, nobody saw the answers under way, so a
# side that replaces tokens needs new ones.
refreshable() {
    local count
    case $1 in
    rotating | keeping)
        [[ $1 == rotating || ! -s $SIDE/refresh ]] || return 0
        : >"$SIDE/refresh"
        for ((count = 0; count < PEER_GRANTS; count++)); do
            log_in "user-$count" "$SIDE/cookies" >>"$SIDE/refresh"
        done
        ;;
    *)
        mint 400
        BENCH_COUNT=$PEER_GRANTS BENCH_OUT=$SIDE/refresh BENCH_TICKETS=$SIDE/tickets load 60 signon
        ;;
    esac
}

# log_in USER COOKIES: the code flow, as a browser goes through it; prints the refresh token. The scope is
# what has no ID token, which Cambio does not sign either, and no bond to the browser's session.
log_in() {
    local place answer code
    rm -f "$2"
    place=$(visit "$2" "$URL/auth?client_id=web&response_type=code&scope=read%20offline_access&prompt=consent" \
        -G --data-urlencode "redirect_uri=$PEER_REDIRECT")
    place=$(visit "$2" "$place" -d prompt=login -d "login=$1" -d password=x)
    place=$(visit "$2" "$place" -d prompt=consent)
    [[ $place == "$PEER_REDIRECT?"* ]] || die 1 "oidc-provider does not send $1 back to the client but to $place"
    code=$(sed -n 's/.*[?&]code=\([^&]*\).*/\1/p' <<<"$place")
    answer=$(curl -sS --max-time 10 "$URL/token" -u "web:$PEER_WEB_SECRET" \
        -d grant_type=authorization_code -d "code=$code" --data-urlencode "redirect_uri=$PEER_REDIRECT")
    [[ $answer == *'"access_token":"ey'* && $answer != *'"id_token"'* && $answer == *'"refresh_token"'* ]] ||
        die 1 "oidc-provider's answer is not a JWT and a refresh token alone: $answer"
    text refresh_token <<<"$answer"
}
# Nobody listens there: what it would be sent stands in the address.
PEER_REDIRECT=http://127.0.0.1:1/cb

# visit COOKIES ADDRESS CURL_ARGUMENTS…: follows redirects; prints where they lead.
visit() {
    curl -sS --max-time 10 -L -b "$1" -c "$1" -o /dev/null -w '%{url_effective}' "${@:3}" "$2" 2>"$WORK/visit.err" ||
        (($? == 7)) || die 1 "oidc-provider cannot be logged in to: $(<"$WORK/visit.err")"
}

# start_refreshed STORE PROFILE PORT: Cambio.
start_refreshed() {
    local side=$1${2:+-$2} dir
    dir=$WORK/peer-refresh/$side
    start_cambio "$dir" "$1" "$2" "$3" $(($3 + 1))
    PEER_PID[$side]=$PID PEER_URL[$side]=http://127.0.0.1:$3
    wait_ready "$dir" $(($3 + 1))
    cambio_credentials "$1" "$dir"
    save_credentials "$dir"
    use_peer "$side"
    check_ags
}

# refresh_row SIDE WHAT: medians, and how often it is the provider's that replaces as Cambio does.
refresh_row() {
    paste -d ' ' "$WORK/peer-refresh/$1/results" "$WORK/peer-refresh/rotating/results" | awk -v side="$1" -v what="$2" '
        function median(a, n,   i, j, t) {
            for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++) if (a[j] < a[i]) { t = a[i]; a[i] = a[j]; a[j] = t }
            return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2
        }
        { rate[NR] = $1; p50[NR] = $2; p99[NR] = $3; cpu[NR] = $4 * 1e4 / $1; times[NR] = $1 / $5 }
        END {
            n = NR
            printf "| refreshing at %s | %.0f req/s", what, median(rate, n)
            if (side != "rotating") printf ", **%.1f** × the first", median(times, n)
            printf "; p50 / p99 %.1f / %.1f ms; %.0f µs of the server a request | |\n",
                median(p50, n) / 1e3, median(p99, n) / 1e3, median(cpu, n)
        }'
}
