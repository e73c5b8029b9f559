# Cambio's side of scripts/bench: the only file of the harness that knows its commands, its
# configuration keys and what `demo --json` prints. To be kept in step with config/default.toml.
# shellcheck shell=bash disable=SC2034,SC2154 # shares its variables with scripts/bench

# start_cambio DIR STORE PROFILE [PORT ADMIN_PORT]: the demo, which brings tenants and credentials. Access logs
# are on, as in production; standard error goes to a file. PROFILE: standard is the AnswerHub tenant's,
# ags-standard the AGS tenant's.
start_cambio() {
    local dir=$1 store=$2 profile=$3 port=${4-$CAMBIO_PORT} admin=${5-$ADMIN_PORT}
    local settings=(
        CAMBIO__SERVER__WORKERS=1
        CAMBIO__ADMIN__LISTEN="127.0.0.1:$admin"
        CAMBIO__LOG__FORMAT=json
    )
    if [[ $profile == standard ]]; then
        settings+=(CAMBIO__TENANTS__COMMUNITY__ANSWERHUB__TOKENS__PROFILE=standard)
    elif [[ $profile == ags-standard ]]; then
        settings+=(
            CAMBIO__TENANTS__NAGRA__AGS__TOKENS__PROFILE=standard
            CAMBIO__TENANTS__NAGRA__AGS__TOKENS__ISSUER=https://api.example.com
            CAMBIO__TENANTS__NAGRA__AGS__TOKENS__AUDIENCE=https://api.example.com
        )
    fi
    mkdir -p "$dir"
    if [[ $store != memory && $store != sqlite ]]; then
        {
            echo "environment = 'development'"
            echo "server.listen = '127.0.0.1:$port'"
            echo "keys.encryption_key = '$(head -c 32 /dev/urandom | base64)'"
            "${store}_config"
        } >"$dir/config.toml"
        spawn "$dir" env "${settings[@]}" "$CAMBIO" serve --config "$dir/config.toml"
        return
    fi
    spawn "$dir" env "${settings[@]}" "$CAMBIO" demo --json \
        --listen "127.0.0.1:$port" --data-dir "$dir/data" --store "$store"
}

# What signs the operator's token where there is no demo that does.
OPERATOR_SECRET='a secret of the bench, of more than 32 bytes'

redis_config() {
    echo "store = { kind = 'redis', redis.nodes = ['127.0.0.1:$STORE_PORT'] }"
    ags_config
}

postgres_config() {
    echo "store = { kind = 'postgres', prepared_statements = ${PREPARED-false}, postgres = { port = $STORE_PORT, user = 'bench', database = 'postgres' } }"
    ags_config
}

# The demo's AGS tenant.
ags_config() {
    cat <<END
[validators.tickets]
kind = "session_token"
[tenants.nagra.ags]
ticket_ttl = "1h"
operator.keys = [{ kid = "bench", secret = "$OPERATOR_SECRET" }]
[[tenants.nagra.services]]
name = "Customer Auth Service"
validator = "tickets"
END
}

# http_config: a tenant whose cookies are a remote system's, which the floor plays. It is asked
# once; what is measured is a verdict from the cache.
http_config() {
    cat <<END
store.kind = "memory"
[validators.sso]
kind = "http"
url = "http://127.0.0.1:$FLOOR_PORT/session"
send.cookie.name = "AnswerHubCookieSSO"
fields = { subject = "username", roles = "groups" }
cache.ttl = "10m"
END
    community_config
}

# The demo's AnswerHub tenant, whose validator is `sso`.
community_config() {
    cat <<END
[[tenants.community.services]]
name = "AnswerHubCookieSSO"
validator = "sso"
[tenants.community.answerhub]
cookie_service = "AnswerHubCookieSSO"
tokens.issuer = "https://community.example.com"
END
}

# read_credentials DIR: what `demo --json` printed, as the environment of the load scripts.
read_credentials() {
    local json
    json=$(head -n 1 "$1/stdout")
    BENCH_COOKIE="$(member answerhub cookieName)=$(member answerhub cookieValue)"
    BENCH_COMMUNITY_TENANT=$(member answerhub tenant)
    BENCH_AGS_TENANT=$(member ags tenant)
    BENCH_AGS_SERVICE=$(member ags authServiceId)
    BENCH_OPERATOR_TOKEN=$(member ags operatorAuthToken)
}

# member OBJECT NAME: a string member of an object in $json.
member() {
    local value
    value=$(sed -n "s/.*\"$1\":{[^}]*\"$2\":\"\([^\"]*\)\".*/\1/p" <<<"$json")
    [[ $value ]] || die 1 "demo --json has no $1.$2"
    printf %s "$value"
}
