# What scripts/bench measures besides the pairs: a crowded store, an idle server.
# shellcheck shell=bash disable=SC2034,SC2154 # shares its variables with scripts/bench

crowd() {
    local name=crowd-sqlite filled before after batch=50000
    [[ ! $NOISE ]] || return 0
    [[ $SESSIONS || ( $ONLY && $name == "$ONLY"* ) ]] || return 0
    rm -rf "$WORK/floor" "$WORK/cambio"
    CROWD=yes
    start_cambio "$WORK/floor" sqlite '' "$FLOOR_PORT" "$OTHER_ADMIN_PORT"
    FLOOR_PID=$PID
    wait_ready "$WORK/floor" "$OTHER_ADMIN_PORT"
    read_credentials "$WORK/floor"
    save_credentials "$WORK/floor"
    start_cambio "$WORK/cambio" sqlite ''
    CANDIDATE_PID=$PID
    wait_ready "$WORK/cambio" "$ADMIN_PORT"
    read_credentials "$WORK/cambio"
    save_credentials "$WORK/cambio"
    check_both "$name"
    use_cambio
    before=$(resident)
    for ((filled = 0; filled < ${SESSIONS:-1000000}; filled += batch)); do
        mint $((batch + 500))
        BENCH_COUNT=$batch BENCH_OUT=$SIDE/refresh BENCH_TICKETS=$SIDE/tickets load 120 signon
        say "$name: $((filled + batch)) sessions"
    done
    after=$(resident)
    compare "$name" 0.90
    stop_servers
    CROWD=''
    awk -v a="$before" -v b="$after" -v n="$filled" \
        'BEGIN { printf "| resident memory that %d live sessions in SQLite add | %.1f MiB | < 100 MiB |\n", n, b - a }' \
        >>"$WORK/idle-table"
}

# Resident memory of the server, MiB.
resident() { awk '/^VmRSS/ { printf "%.1f\n", $2 / 1024 }' "/proc/$PID/status"; }

idle() {
    local round from dir=$WORK/idle
    [[ idle == "$ONLY"* && ! $NOISE ]] || return 0
    # The first start makes keys and a store; what is measured is a start on kept data.
    for ((round = 0; round <= ROUNDS; round++)); do
        from=${EPOCHREALTIME/./}
        start_cambio "$dir" sqlite ''
        wait_ready "$dir" "$ADMIN_PORT"
        echo $(((${EPOCHREALTIME/./} - from) / 1000)) >>"$dir/ready"
        sleep 1
        resident >>"$dir/rss"
        stop_servers
    done
    {
        echo "| ready after exec, first start on an empty data directory | $(head -n 1 "$dir/ready") ms | |"
        echo "| ready after exec, kept data (median, worst) | $(tail -n +2 "$dir/ready" | sort -n | awk '
            { v[NR] = $1 } END { printf "%d ms, %d ms", v[int((NR + 1) / 2)], v[NR] }') | ≤ 150 ms |"
        echo "| resident memory when idle (worst) | $(sort -n "$dir/rss" | tail -n 1) MiB | ≤ 30 MiB |"
    } >>"$WORK/idle-table"
    say "idle: done"
}
