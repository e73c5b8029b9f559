# The stores that are servers: started for a story with nothing in them, on the load generator's core, stopped
# with the others. Both sides ask the same one.
# shellcheck shell=bash disable=SC2034,SC2154 # shares its variables with scripts/bench

# Outside of $WORK, whose owner may not be the one that PostgreSQL runs as.
FOLDERS=()

# start_store KIND [OPTION…]: redis or postgres on STORE_PORT; any other kind is no server. The options are for
# postgres.
start_store() {
    local dir=$WORK/$1-$STORE_PORT
    case $1 in
    redis)
        mkdir -p "$dir"
        beside "$dir" redis-server --port "$STORE_PORT" --bind 127.0.0.1 --dir "$dir" --save '' --appendonly no
        ;;
    postgres)
        local as=()
        mkdir -p "$dir"
        if [[ $(id -u) == 0 ]]; then
            as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
            POSTGRES_DIR=$(mktemp -d)
            FOLDERS+=("$POSTGRES_DIR")
            chown postgres: "$POSTGRES_DIR"
        else
            POSTGRES_DIR=$dir
        fi
        # Nobody else is on this machine's loopback while it measures, and there is nothing in it.
        (cd / && "${as[@]}" "$(postgres_bin initdb)" -D "$POSTGRES_DIR/data" -A trust -U bench --locale=C.UTF-8 >/dev/null)
        beside "$dir" "${as[@]}" "$(postgres_bin postgres)" -D "$POSTGRES_DIR/data" -p "$STORE_PORT" \
            -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=100 "${@:2}"
        ;;
    *) return 0 ;;
    esac
    await_port "$STORE_PORT" "$1"
}

# Huge pages for PostgreSQL's memory, as docs/operations/stores.md says: kept aside while it runs, by whom the
# kernel lets.
HUGE_PAGES=/proc/sys/vm/nr_hugepages HUGE_PAGES_BEFORE=''
reserve_huge_pages() {
    HUGE_PAGES_BEFORE=$(<"$HUGE_PAGES")
    { echo $((HUGE_PAGES_BEFORE + $1)) >"$HUGE_PAGES"; } 2>/dev/null || true
    local there
    there=$(<"$HUGE_PAGES")
    ((there >= HUGE_PAGES_BEFORE + $1)) || say "bench: PostgreSQL gets no huge pages, each process maps its memory page by page"
}

return_huge_pages() {
    [[ ! $HUGE_PAGES_BEFORE ]] || { echo "$HUGE_PAGES_BEFORE" >"$HUGE_PAGES"; } 2>/dev/null || true
}

# postgres_bin PROGRAM: of the newest server; Debian keeps them out of the path.
postgres_bin() {
    local bin
    bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
    echo "${bin:+$bin/}$1"
}

# await_port PORT NAME: until somebody listens.
await_port() {
    local deadline=$((SECONDS + 30))
    until { exec 9<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null; do
        ((SECONDS < deadline)) || die 1 "$2 did not get ready"
        sleep 0.05
    done
    exec 9>&-
}

# beside DIR COMMAND…: starts a server on the load generator's core.
beside() {
    local dir=$1
    shift
    taskset -c "$LOAD_CORE" "$@" >"$dir/stdout" 2>"$dir/stderr" </dev/null &
    PIDS+=("$!")
}
