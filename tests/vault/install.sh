#!/usr/bin/env bash
# Builds the server that the Vault tests talk to, once, and prints where it is. A fresh Debian with Rust is enough; run
# again, it needs neither the network nor time. It is built apart from the workspace, since it is no part of punix.
set -euo pipefail

version=0.2.1
root="${PUNIX_TEST_VAULT_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/punix-tests/rusty_vault-$version}"
program="$root/bin/rvault"

if [[ ! -x $program ]]; then
    export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
    if ! { command -v pkg-config && pkg-config --exists openssl; } >/dev/null 2>&1; then
        [[ $(id -u) == 0 ]] || { echo "install libssl-dev and pkg-config first" >&2; exit 1; }
        export DEBIAN_FRONTEND=noninteractive
        timeout 300 apt-get update -qq >&2
        timeout 600 apt-get install -y -qq --no-install-recommends libssl-dev pkg-config >&2
    fi
    mkdir -p "$root"
    # Two at once would build it twice.
    exec 9>"$root/.lock"
    flock 9
    if [[ ! -x $program ]]; then
        CARGO_NET_OFFLINE=false CARGO_TARGET_DIR="$root/build" CARGO_PROFILE_RELEASE_OPT_LEVEL=0 \
            CARGO_PROFILE_RELEASE_DEBUG=0 CARGO_PROFILE_RELEASE_LTO=off \
            cargo install --locked --quiet --version "=$version" --root "$root" rusty_vault >&2
        rm -rf "$root/build"
    fi
fi
printf '%s\n' "$program"
