# Shared by scripts/* and .ci/run: messages, and getting what is missing.
# Sourced by bash under `set -euo pipefail`; must not change the caller's directory.
# shellcheck shell=bash

say() { printf '%s\n' "$*" >&2; }

# die STATUS MESSAGE…
die() {
    local status=$1
    shift
    say "${0##*/}: $*"
    exit "$status"
}

# Prints the prefix that runs a command as root, without ever asking for a password.
# Fails when there is none.
as_root() {
    if [[ $(id -u) == 0 ]]; then
        echo env
    elif sudo -n true 2>/dev/null; then
        echo "sudo -n"
    else
        return 1
    fi
}

# have THING: whether it is there. THING is a command, a path (or a pattern of paths), or
# perl:MODULE.
have() {
    case $1 in
    perl:*) perl "-M${1#perl:}" -e1 2>/dev/null ;;
    */*) compgen -G "$1" >/dev/null ;;
    *) command -v "$1" >/dev/null ;;
    esac
}

# need THING APT_PACKAGE WHAT_FOR: installs the package when the thing is missing.
# Collects what it cannot install in MISSING; `stop_if_missing` reports it all at once.
MISSING=()
APT_UPDATED=
need() {
    local thing=$1 package=$2 what=$3 root
    have "$thing" && return
    if command -v apt-get >/dev/null && root=$(as_root); then
        say "${0##*/}: $thing is missing ($what), installing the package $package"
        # shellcheck disable=SC2086 # two words on purpose: sudo -n
        {
            [[ $APT_UPDATED ]] || $root apt-get update -qq </dev/null >&2 || true
            APT_UPDATED=yes
            $root env DEBIAN_FRONTEND=noninteractive \
                apt-get install -y -qq --no-install-recommends "$package" </dev/null >&2 || true
        }
        hash -r
        have "$thing" && return
    fi
    MISSING+=("  $thing ($what): install it by hand, on Debian and Ubuntu with
      sudo apt-get install --no-install-recommends $package")
}

# The Rust toolchain that rust-toolchain.toml pins, with the components given.
need_rust() {
    if ! command -v cargo >/dev/null; then
        MISSING+=("  cargo (builds Cambio): install Rust by hand, see https://rustup.rs")
        return
    fi
    local problem=
    cargo --version >/dev/null 2>&1 || problem=yes
    for component in "$@"; do
        cargo "$component" --version >/dev/null 2>&1 || problem=yes
    done
    [[ $problem ]] || return 0
    if command -v rustup >/dev/null; then
        say "${0##*/}: the pinned Rust toolchain is incomplete, installing it"
        # Without a name rustup installs what rust-toolchain.toml asks for.
        if rustup toolchain install </dev/null >&2 && cargo --version >/dev/null; then
            return
        fi
    fi
    MISSING+=("  the Rust toolchain that rust-toolchain.toml pins, with ${*:-cargo}: run
      rustup toolchain install")
}

stop_if_missing() {
    ((${#MISSING[@]} == 0)) && return
    say "${0##*/}: missing, and could not be installed:"
    printf '%s\n' "${MISSING[@]}" >&2
    exit 2
}
