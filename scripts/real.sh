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
