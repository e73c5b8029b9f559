# What scripts/bench measures besides the pairs: an idle server.
# shellcheck shell=bash disable=SC2034,SC2154 # shares its variables with scripts/bench

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
