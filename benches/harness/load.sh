# Asking: one checked answer of each kind first, then wrk's runs. Whatever is not the right
# answer stops scripts/bench.
# shellcheck shell=bash disable=SC2034,SC2154 # shares its variables with scripts/bench

# call STATUS PATH CURL_ARGUMENTS…: the body of an answer that must have this status.
call() {
    local want=$1 path=$2 answer
    shift 2
    answer=$(curl -sS --max-time 10 -w '\n%{http_code}' -X POST -H 'Content-Type: application/json' \
        "$@" "$URL$path")
    [[ ${answer##*$'\n'} == "$want" ]] || die 1 "$path answered ${answer##*$'\n'}, not $want: ${answer%$'\n'*}"
    printf %s "${answer%$'\n'*}"
}

ags() {
    call "$1" "/ags/$2" -H "nv-tenant-id: $BENCH_AGS_TENANT" -H "x-auth-service-id: $BENCH_AGS_SERVICE" \
        "${@:4}" -d "$3"
}

# text MEMBER: a string member of the JSON on standard input.
text() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }

check_cookie() {
    call 200 /services/v2/auth/cookiesso/token.json -H "Cookie: $BENCH_COOKIE" \
        -H "nv-tenant-id: $BENCH_COMMUNITY_TENANT" | grep -q '"jwt":"' || die 1 "the answer holds no token"
}

# Also registers the device that the measured sign-ons use: they would reach the limit of
# devices if each brought a new one.
check_ags() {
    local ticket body
    ticket=$(ags 200 getSessionToken \
        '{"parameters":[{"name":"OperatorAuthToken","value":"'"$BENCH_OPERATOR_TOKEN"'"}]}' | text sessionToken)
    body=$(ags 201 signOnWithSessionToken '{"parameters":[{"name":"sessionToken","value":"'"$ticket"'"}],
        "deviceInformation":{"deviceType":"bench","securePlayer":{"codecs":[]},"device":{}}}')
    export BENCH_CLIENT_ID
    BENCH_CLIENT_ID=$(text client_id <<<"$body")
    ags 200 refresh '{"parameters":[]}' -H "Authorization: Bearer $(text refresh_token <<<"$body")" |
        grep -q '"refresh_token":"' || die 1 "the answer holds no refresh token"
    save_credentials "$SIDE"
}


# load SECONDS SCRIPT: wrk on its core.
load() {
    taskset -c "$LOAD_CORE" wrk -t1 -c"$CONNECTIONS" -d"$1s" --timeout 10s \
        -s "benches/wrk/$2.lua" "$URL" >"$OUT/wrk.out" 2>"$OUT/wrk.err" || {
        cat "$OUT/wrk.err" >&2
        die 1 "$2.lua failed against $URL"
    }
}

# mint COUNT: session tokens into $SIDE/tickets; of a crowd's accounts where there is one.
mint() {
    local operators=$SIDE/operator-tokens
    [[ -f $operators ]] || printf '%s\n' "$BENCH_OPERATOR_TOKEN" >"$operators"
    BENCH_COUNT=$1 BENCH_OUT=$SIDE/tickets BENCH_OPERATORS=$operators load 600 mint_tickets
}

# prepare STORY: what a run uses up. RATE is the most requests a second to be ready for.
prepare() {
    case $1 in
    growth-*) prepare_growth "$1" ;;
    signon-*) mint $((RATE * SECONDS_EACH * 5 / 4 + 5000)) ;;
    refresh-*)
        mint 400
        BENCH_COUNT=256 BENCH_OUT=$SIDE/refresh BENCH_TICKETS=$SIDE/tickets load 60 signon
        ;;
    esac
}

# Processor time of the server so far, in ticks (fields 14 and 15 of proc(5) stat).
ticks() {
    local stat
    stat=$(<"/proc/$PID/stat")
    # shellcheck disable=SC2086 # split on purpose
    set -- ${stat##*) }
    echo $((${12} + ${13}))
}

script_of() {
    case $1 in
    growth-*-refresh*) echo refresh ;;
    growth-*-signon* | cleanup-*) echo signon ;;
    *) echo "${1%%-*}" ;;
    esac
}

# run STORY: one run; prints "requests/s p50_us p99_us busy%".
run() {
    local before after from to line
    before=$(ticks) from=${EPOCHREALTIME/./}
    BENCH_TICKETS=$SIDE/tickets BENCH_REFRESH=$SIDE/refresh load "$SECONDS_EACH" "$(script_of "$1")"
    after=$(ticks) to=${EPOCHREALTIME/./}
    line=$(grep '^BENCH ' "$OUT/wrk.out") || die 1 "wrk reported nothing"
    [[ $line == *" non2xx=0 socket=0" ]] || die 1 "$1 against $URL: wrong answers: $line"
    awk -v busy=$(((after - before) * 1000000 / $(getconf CLK_TCK))) -v wall=$((to - from)) '{
        for (i = 2; i <= NF; i++) { split($i, m, "="); v[m[1]] = m[2] }
        printf "%.0f %d %d %.1f\n", v["requests"] * 1e6 / v["duration_us"], v["p50_us"], v["p99_us"], 100 * busy / wall
    }' <<<"$line"
}
