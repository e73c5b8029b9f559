# The real web applications of the tests, which keep their sessions in a cookie, in Redis or in
# PostgreSQL: what Debian has, and what tests/it/real pins, installed below target/.
# Sourced by scripts/test after scripts/lib.sh and scripts/real.sh.
# shellcheck shell=bash

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
