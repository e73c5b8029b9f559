# Starting, awaiting and stopping the servers that scripts/bench compares, each by its own
# process id, and who of the two is talked to.
# shellcheck shell=bash disable=SC2034,SC2154 # shares its variables with scripts/bench

PIDS=()
# The last one first: PostgreSQL waits for its clients to go.
stop_servers() {
    local n pid
    for ((n = ${#PIDS[@]} - 1; n >= 0; n--)); do
        pid=${PIDS[n]}
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    PIDS=()
}

# spawn DIR COMMAND…: starts a server on its core; PID is its own.
spawn() {
    local dir=$1
    shift
    taskset -c "$SERVER_CORE" "$@" >"$dir/stdout" 2>"$dir/stderr" </dev/null &
    PID=$!
    PIDS+=("$PID")
}

# start_floor DIR PORT ALGORITHM [STORE]
start_floor() {
    local store=()
    case ${4-} in redis | postgres) store=("--$4" "$STORE_PORT") ;; esac
    mkdir -p "$1"
    spawn "$1" "$FLOOR" --listen "127.0.0.1:$2" --workers 1 --alg "$3" "${store[@]}"
}

# wait_ready DIR PORT: until GET /readyz answers 200. No process is started for a poll, so that
# the time it takes can be measured.
wait_ready() {
    local dir=$1 port=$2 line deadline=$((SECONDS + 30))
    while ((SECONDS < deadline)); do
        kill -0 "$PID" 2>/dev/null || break
        line=
        if { exec 9<>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null; then
            printf 'GET /readyz HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n' >&9
            read -r -t 5 line <&9 || true
            exec 9>&-
            [[ $line == "HTTP/1.1 200"* ]] && return
        fi
        sleep 0.002
    done
    tail -n 5 "$dir/stderr" >&2
    die 1 "the server did not get ready"
}

# use_floor, use_cambio: choose who is measured; start_candidate starts who stands for Cambio.
use_floor() { URL=http://127.0.0.1:$FLOOR_PORT PID=$FLOOR_PID SIDE=$WORK/floor && credentials_of_side; }
use_cambio() { URL=http://127.0.0.1:$CAMBIO_PORT PID=$CANDIDATE_PID SIDE=$WORK/cambio && credentials_of_side; }
credentials_of_side() {
    # shellcheck source=/dev/null
    [[ ! -f $SIDE/credentials ]] || . "$SIDE/credentials"
}

# start_pair ALGORITHM STORE PROFILE: the floor, and Cambio (or the floor again).
start_pair() {
    STORE_PORT=$((FLOOR_PORT + 4))
    start_store "$2"
    start_floor "$WORK/floor" "$FLOOR_PORT" "$1" "$2"
    FLOOR_PID=$PID
    wait_ready "$WORK/floor" "$FLOOR_PORT"
    if [[ $NOISE ]]; then
        start_floor "$WORK/cambio" "$CAMBIO_PORT" "$1" "$2"
        wait_ready "$WORK/cambio" "$CAMBIO_PORT"
        floor_credentials
    else
        start_cambio "$WORK/cambio" "$2" "$3"
        wait_ready "$WORK/cambio" "$ADMIN_PORT"
        cambio_credentials "$2" "$WORK/cambio"
    fi
    CANDIDATE_PID=$PID
    # The floor believes anything: it gets the same bytes.
    save_credentials "$WORK/floor"
    save_credentials "$WORK/cambio"
}

# cambio_credentials STORE DIR: what the Cambio in DIR accepts.
cambio_credentials() {
    case $1 in
    http) floor_credentials ;;
    redis | postgres)
        floor_credentials
        BENCH_OPERATOR_TOKEN=$(BENCH_OPERATOR_SECRET=$OPERATOR_SECRET "$FLOOR" --operator-tokens <<<1001)
        ;;
    *) read_credentials "$2" ;;
    esac
}

floor_credentials() {
    BENCH_COOKIE=AnswerHubCookieSSO=v1.k1.$(printf 'A%.0s' {1..160}) BENCH_COMMUNITY_TENANT=community
    BENCH_AGS_TENANT=nagra BENCH_AGS_SERVICE="Customer Auth Service"
    BENCH_OPERATOR_TOKEN=$(printf 'A%.0s' {1..320})
}

save_credentials() {
    local name
    for name in BENCH_COOKIE BENCH_COMMUNITY_TENANT BENCH_AGS_TENANT BENCH_AGS_SERVICE \
        BENCH_OPERATOR_TOKEN BENCH_CLIENT_ID; do
        printf 'export %s=%q\n' "$name" "${!name-}"
    done >"$1/credentials"
}
