# A store with many live sessions beside the same with ten thousand, and whether the sweep keeps
# up with as many ends as there are sign-ons. Asked for by name only.
# shellcheck shell=bash disable=SC2034,SC2153,SC2154 # shares its variables with scripts/bench

FEW=10000
# Sessions of the crowd that refresh in a run of the rows with -all, and accounts that sign on: most of their
# pages are met once or twice. In the other rows it is as many as with ten thousand, spread over the crowd.
AROUND=100000
# SQLite writes changes to its trees when they are many: before such a run so many seconds of the same go unmeasured (sign-ons at
# both servers, refreshes at the crowd's, of so many sessions; a million has that many for three rounds).
WARM_SIGNONS=20 WARM_REFRESHES=7 WARM=140000 MOST_ROUNDS=3

# growth KIND: refreshes and sign-ons.
growth() {
    local kind=$1 live=${SESSIONS:-1000000} name=growth-$1 load how=together
    [[ ! $NOISE && $ONLY == growth* && $name == "$ONLY"* ]] || return 0
    if [[ $kind == sqlite ]]; then need_holder; fi
    rm -rf "$WORK/floor" "$WORK/cambio"
    [[ ! $BY_TURNS ]] || how=compare
    # The most requests a second to be ready for, at first.
    CROWD=40000
    [[ $kind != postgres ]] || CROWD=6000
    crowd_servers "$kind"
    local same=$((FEW / 2 / (ROUNDS + 1))) all=$AROUND warm=$WARM each rounds_all=$ROUNDS
    ((ROUNDS <= MOST_ROUNDS)) || rounds_all=$MOST_ROUNDS
    local used=$(((ROUNDS + 1) * same))
    each=$(((live - used) / (rounds_all + 1)))
    ((all + warm < each)) || all=$((each / 2)) warm=$((each / 2))
    use_floor && crowd_of "$FEW" --sample "$FEW"
    use_cambio && crowd_of "$live" --sample $((used + (rounds_all + 1) * (all + warm)))
    note "bytes a session, with its device and half an account, of $live in $kind" "$(crowd_bytes "$live")" ""
    start_few
    start_crowd
    for load in refresh refresh-all signon signon-all; do
        if [[ $load == refresh-all ]]; then
            ROUNDS=$rounds_all "$how" "$name-$load, $live" 0.90
        else
            "$how" "$name-$load, $live" 0.90
        fi
        rm "$WORK/floor/results" "$WORK/cambio/results"
    done
    use_floor && local few && few=$(resident)
    use_cambio
    note "resident memory that $live live sessions in $kind add to Cambio's" \
        "$(awk -v a="$few" -v b="$(resident)" 'BEGIN { printf "%.1f MiB", b - a }')" "< 100 MiB"
    stop_servers
    CROWD=''
}

# cleanup KIND RATE: so many sessions end each second while sign-ons go on as fast as they can.
cleanup() {
    local kind=$1 rate=$2 live=${SESSIONS:-1000000} over=30 before during left after name=cleanup-$1
    [[ ! $NOISE && $ONLY == cleanup* && $name == "$ONLY"* ]] || return 0
    if [[ $kind == sqlite ]]; then need_holder; fi
    rm -rf "$WORK/floor" "$WORK/cambio"
    crowd_servers "$kind"
    use_cambio
    local from=$((EPOCHSECONDS + 180 + live / 10000))
    crowd_of $((live + rate * over)) --expiring $((rate * over)) --over "$over" --from "$from" --sample 20000
    start_cambio "$SIDE" crowd ''
    CANDIDATE_PID=$PID
    wait_ready "$SIDE" "$ADMIN_PORT"
    use_cambio
    hold_file
    cp "$SIDE/all-operator-tokens" "$SIDE/operator-tokens"
    mint $((rate * (over + 10) * 3 / 2))
    ((EPOCHSECONDS + 11 < from)) || die 1 "it took too long to fill: the first sessions end already"
    SECONDS_EACH=10
    before=$(run "$name") # its tickets are used up
    sed -i "1,$((${before%% *} * 11))d" "$SIDE/tickets"
    while ((EPOCHSECONDS < from)); do sleep 0.05; done
    SECONDS_EACH=$over
    during=$(run "$name")
    left=$("$GROWTH" expired --store "$STORE_JSON")
    after=$EPOCHREALTIME
    until (($("$GROWTH" expired --store "$STORE_JSON") == 0)); do
        ((${EPOCHREALTIME/./} - ${after/./} < 120000000)) || die 1 "the sweep never got through"
    done
    stop_servers
    note "sign-ons a second in $kind with $live sessions, while none ends" "${before%% *}" ""
    note "the same while $rate sessions a second end, for $over s" "${during%% *}" ""
    note "of those $((rate * over)), not yet removed at the end" "$left" ""
    note "time to the last one's removal" "$(((${EPOCHREALTIME/./} - ${after/./}) / 1000)) ms" ""
}

# note TEXT VALUE TARGET: a row of the second table.
note() { echo "| $1 | $2 | $3 |" >>"$WORK/idle-table"; }

# crowd_servers KIND: what the two sides keep their sessions in, empty.
crowd_servers() {
    local side
    CROWD_KIND=$1 FLOOR_PID='' CANDIDATE_PID=''
    # 2 MiB each, for both servers.
    if [[ $1 == postgres ]]; then reserve_huge_pages 4500; fi
    BENCH_AGS_TENANT=nagra BENCH_AGS_SERVICE="Customer Auth Service" BENCH_CLIENT_ID=''
    BENCH_COMMUNITY_TENANT='' BENCH_COOKIE='' BENCH_OPERATOR_TOKEN=''
    export BENCH_TOKEN_KEY='a key of the bench, of more than 32 bytes' BENCH_OPERATOR_SECRET=$OPERATOR_SECRET
    for side in floor cambio; do
        mkdir -p "$WORK/$side"
        save_credentials "$WORK/$side"
        STORE_PORT=$(crowd_port "$side")
        # As docs/operations/stores.md says: sessions and their key in memory.
        start_store "$1" -c shared_buffers=4GB -c max_wal_size=16GB -c checkpoint_timeout=15min -c wal_compression=on
    done
}

crowd_port() { if [[ $1 == */floor || $1 == floor ]]; then echo $((FLOOR_PORT + 4)); else echo $((FLOOR_PORT + 6)); fi; }

# crowd_table: the store of $SIDE, as JSON in STORE_JSON and as TOML in STORE_TABLE.
crowd_table() {
    local port
    port=$(crowd_port "$SIDE")
    case $CROWD_KIND in
    sqlite) STORE_JSON='{"kind":"sqlite","path":"'$SIDE/data/cambio.db'"}' ;;
    redis) STORE_JSON='{"kind":"redis","redis":{"nodes":["127.0.0.1:'$port'"]}}' ;;
    postgres)
        STORE_JSON='{"kind":"postgres","prepared_statements":'${PREPARED-false}',"postgres":{"port":'$port',"user":"bench","database":"postgres"}}'
        ;;
    esac
    # shellcheck disable=SC2001 # the groups of the expression
    STORE_TABLE=$(sed 's/"\([a-z_]*\)":/\1 = /g' <<<"$STORE_JSON")
}

# crowd_config: of a Cambio on the store of $SIDE.
crowd_config() {
    echo "store = $STORE_TABLE"
    ags_config
    echo "[tenants.nagra.ags.tokens]"
    echo "keys = [{ kid = 'bench', secret = '$BENCH_TOKEN_KEY', sign = true }]"
}

# crowd_of COUNT OPTION…: fills the store of $SIDE, and makes what its load needs.
crowd_of() {
    local from=${EPOCHREALTIME/./}
    crowd_table
    mkdir -p "$SIDE/data"
    "$GROWTH" fill --store "$STORE_JSON" --live "$1" --out "$SIDE" "${@:2}"
    if [[ " $* " == *" --sample "* ]]; then
        "$FLOOR" --operator-tokens <"$SIDE/operators" >"$SIDE/all-operator-tokens"
        mv "$SIDE/refresh" "$SIDE/all-refresh"
    fi
    say "$CROWD_KIND: $1 sessions in $(((${EPOCHREALTIME/./} - from) / 1000)) ms"
}

# start_few, start_crowd: Cambio with few sessions in the floor's place, and with the crowd; both anew
# before each round of sign-ons.
start_few() {
    end_server "$FLOOR_PID"
    SIDE=$WORK/floor && crowd_table
    start_cambio "$WORK/floor" crowd '' "$FLOOR_PORT" "$OTHER_ADMIN_PORT"
    FLOOR_PID=$PID
    wait_ready "$WORK/floor" "$OTHER_ADMIN_PORT"
    use_floor
    hold_file
}

start_crowd() {
    end_server "$CANDIDATE_PID"
    SIDE=$WORK/cambio && crowd_table
    start_cambio "$WORK/cambio" crowd ''
    CANDIDATE_PID=$PID
    wait_ready "$WORK/cambio" "$ADMIN_PORT"
    use_cambio
    hold_file
}

need_holder() {
    need vmtouch vmtouch "keeps the file in memory"
    need fincore util-linux "says whether it is"
    stop_if_missing
}

# hold_file: keeps SQLite's file in the kernel's page cache, where it is on a machine with enough memory. Some
# (virtual ones, that give what is not used back to their host) lose what nobody reads for a few seconds.
hold_file() {
    [[ $CROWD_KIND == sqlite ]] || return 0
    local file=$SIDE/data/cambio.db
    [[ ! -f $SIDE/holder ]] || end_server "$(<"$SIDE/holder")"
    taskset -c "$LOAD_CORE" vmtouch -q -m 64G -l "$file" </dev/null >/dev/null 2>&1 &
    PIDS+=($!)
    echo $! >"$SIDE/holder"
    until (($(fincore -nbo RES "$file") + 1000000 > $(stat -c %s "$file"))); do
        kill -0 "$(<"$SIDE/holder")" 2>/dev/null || die 2 "cannot keep $file in memory: may not lock so much (ulimit -l)?"
        sleep 0.05
    done
}

# together NAME TARGET: `compare` of two servers that are under load at the same time. They share one core, and it is as fast
# for the one as for the other: on some machines its speed changes by half within a minute.
together() {
    local name=$1 round side
    local -A rate=([floor]=$((CROWD / 2)) [cambio]=$((CROWD / 2)))
    for ((round = 0; round <= ROUNDS; round++)); do
        for side in floor cambio; do
            "use_$side"
            RATE=${rate[$side]}
            prepare "$name"
        done
        [[ $CROWD_KIND != sqlite || $name != *-signon* ]] || warm_up_both "$name"
        both "$name"
        for side in floor cambio; do
            rate[$side]=$(($(requests_of "$side") * 2))
            ((round == 0)) || cat "$WORK/$side/result" >>"$WORK/$side/results"
            say_result "$name round $round $side" "$(<"$WORK/$side/result")"
        done
    done
    row "$name" "$2" >>"$WORK/table"
}

# both STORY: a run against each server, at the same time; what came of it is in `result` of each side.
both() {
    local side pid pids=()
    for side in floor cambio; do
        "use_$side"
        (OUT=$SIDE && run "$1" >"$SIDE/result") &
        pids+=("$!")
    done
    for pid in "${pids[@]}"; do
        wait "$pid" || die 1 "$1 failed"
    done
}

# requests_of SIDE: a second, in its last run.
requests_of() { cut -d ' ' -f 1 "$WORK/$1/result"; }

# warm_up_both STORY: as long as it takes SQLite to begin writing to its trees, not measured. The session tokens that this has
# used up go, and a second's more.
warm_up_both() {
    local side
    SECONDS_EACH=$WARM_SIGNONS both "$1"
    for side in floor cambio; do
        sed -i "1,$(($(requests_of "$side") * (WARM_SIGNONS + 1)))d" "$WORK/$side/tickets"
    done
}

# end_server PID: if there is one.
end_server() {
    [[ ! $1 ]] || { kill "$1" && wait "$1"; } || true
}

# few_again: sign-ons have made many of the few.
few_again() {
    local port
    port=$(crowd_port floor)
    end_server "$FLOOR_PID"
    FLOOR_PID=''
    SIDE=$WORK/floor
    case $CROWD_KIND in
    sqlite) rm -rf "$WORK/floor/data" ;;
    redis) redis-cli -p "$port" flushall >/dev/null ;;
    postgres) "$(postgres_bin psql)" -q -h 127.0.0.1 -p "$port" -U bench -d postgres -c 'DROP SCHEMA cambio CASCADE' 2>/dev/null ;;
    esac
    crowd_of "$FEW"
    start_few
}

# prepare_growth STORY: round by round, tokens that nobody has used.
prepare_growth() {
    local first=$((round * same)) count=$same
    case $1 in
    *-refresh,*) ;;
    *-refresh-all,*)
        first=$((used + first))
        if [[ $SIDE == "$WORK/cambio" ]]; then
            first=$((used + round * (all + warm)))
            sed -n "$((first + 1)),$((first + warm))p" "$SIDE/all-refresh" >"$SIDE/refresh"
            [[ $CROWD_KIND != sqlite ]] || SECONDS_EACH=$WARM_REFRESHES run "$1" >/dev/null
            first=$((first + warm)) count=$all
        fi
        ;;
    *-signon*)
        count=$((FEW / 2))
        [[ $1 != *-all,* ]] || count=$AROUND
        accounts_of_round "$count" >"$SIDE/operator-tokens"
        if [[ $SIDE == "$WORK/floor" ]]; then few_again; else start_crowd; fi
        local seconds=$SECONDS_EACH
        # No more than that: Redis keeps what is not used, and makes its table of keys larger for it.
        [[ $CROWD_KIND != sqlite ]] || seconds=$((seconds + WARM_SIGNONS + 1))
        mint $((RATE * seconds * 5 / 4 + 5000))
        return
        ;;
    esac
    sed -n "$((first + 1)),$((first + count))p" "$SIDE/all-refresh" >"$SIDE/refresh"
}

# accounts_of_round COUNT: others each time, where there are as many; the few begin anew as well. The same ones would
# have many more devices in the end than any of the few.
accounts_of_round() {
    local count=$1 there
    there=$(wc -l <"$SIDE/all-operator-tokens")
    ((count <= there)) || count=$there
    sed -n "$((round % (there / count) * count + 1)),+$((count - 1))p" "$SIDE/all-operator-tokens"
}

# crowd_bytes COUNT: what the store of $SIDE takes, by the number of sessions.
crowd_bytes() {
    local port bytes
    port=$(crowd_port "$SIDE")
    case $CROWD_KIND in
    sqlite) bytes=$(stat -c %s "$SIDE/data/cambio.db") ;;
    redis) bytes=$(redis-cli -p "$port" info memory | tr -d '\r' | sed -n 's/^used_memory://p') ;;
    postgres)
        bytes=$("$(postgres_bin psql)" -h 127.0.0.1 -p "$port" -U bench -d postgres -Atc \
            "SELECT sum(pg_total_relation_size('cambio.' || t)) FROM unnest('{sessions,devices,accounts}'::text[]) t")
        ;;
    esac
    echo $((bytes / $1))
}
