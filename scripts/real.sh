# The packages that tests against real systems need, besides what the system's package manager has:
# pinned by the lists in tests/it/real, installed below target/ and never into the system.
# Sourced by scripts/test after scripts/lib.sh; what cannot be had goes into MISSING.
# shellcheck shell=bash

target=${CARGO_TARGET_DIR:-target}
[[ $target == /* ]] || target=$PWD/$target
export CAMBIO_REAL_DIR=${CAMBIO_REAL_DIR:-$target/real}

# npm_packages COMPONENT: what tests/it/real/COMPONENT/package-lock.json pins.
npm_packages() {
    local from=tests/it/real/$1 to=$CAMBIO_REAL_DIR/$1
    cmp -s "$from/package-lock.json" "$to/installed" && return
    command -v npm >/dev/null || return 0
    say "${0##*/}: installing the npm packages of $1"
    mkdir -p "$to"
    cp "$from/package.json" "$from/package-lock.json" "$to/"
    if npm ci --prefix "$to" --ignore-scripts --no-audit --no-fund --silent </dev/null >&2; then
        cp "$from/package-lock.json" "$to/installed"
    else
        MISSING+=("  the npm packages of $1 (a real system in tests): npm ci failed in $to")
    fi
}

# python_packages COMPONENT: what tests/it/real/COMPONENT/requirements.txt pins, in a virtual environment.
python_packages() {
    local from=tests/it/real/$1 to=$CAMBIO_REAL_DIR/$1 python=/usr/bin/python3
    cmp -s "$from/requirements.txt" "$to/installed" && return
    # Another Python may be in somebody's home, where the servers' user has no business.
    [[ -x $python ]] || python=$(command -v python3) || return 0
    say "${0##*/}: installing the Python packages of $1"
    if "$python" -m venv --clear "$to" </dev/null >&2 &&
        "$to/bin/pip" install --quiet --disable-pip-version-check -r "$from/requirements.txt" </dev/null >&2; then
        cp "$from/requirements.txt" "$to/installed"
    else
        MISSING+=("  the Python packages of $1 (a real system in tests): on Debian and Ubuntu
      sudo apt-get install --no-install-recommends python3-venv")
    fi
}

# An OpenID Connect provider for Node.js.
need_oidc_provider() {
    need node nodejs "runs oidc-provider, a real identity provider in tests"
    need npm npm "installs oidc-provider"
    npm_packages oidc-provider
}

# An identity provider on Flask.
need_canaille() {
    need python3 python3 "runs Canaille, a real identity provider in tests"
    python_packages canaille
}

# Web applications with their sessions in a cookie, in Redis or in PostgreSQL.
need_applications() {
    need_express
    need_django
    need_flask
    need_php
}

need_express() {
    need node nodejs "runs Express, a real application in tests"
    need npm npm "installs Express"
    npm_packages express
}

need_django() {
    need python3 python3 "runs Django, a real application in tests"
    python_packages django
}

need_flask() {
    need python3 python3 "runs Flask, a real application in tests"
    python_packages flask
}

# Redis is an extension of PHP and not a command.
need_php() {
    need php php-cli "runs PHP, a real application in tests"
    command -v php >/dev/null || return 0
    php -m | grep -qx redis && return
    local root
    if command -v apt-get >/dev/null && root=$(as_root); then
        say "${0##*/}: PHP's extension redis is missing, installing the package php-redis"
        # shellcheck disable=SC2086 # two words on purpose: sudo -n
        $root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends php-redis </dev/null >&2 || true
        php -m | grep -qx redis && return
    fi
    MISSING+=("  PHP's extension redis (a real application in tests): on Debian and Ubuntu
      sudo apt-get install --no-install-recommends php-redis")
}
