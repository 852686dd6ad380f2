#!/bin/sh
# Deploys the stack of hello.pcl, deploys it again as its scenario has it, and goes back: all below a scratch directory,
# without root and without touching anything else. It says what it runs.
#
#   sh examples/first-deploy.sh [DIRECTORY]
#
# The directory is made anew; without one it is below `target`. PUNIX is the whole path of a punix that is
# built already.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
scratch=${1:-$here/../target/first-deploy}

if [ -z "${PUNIX:-}" ]; then
    (cd "$here/.." && cargo build --release --locked -p punix)
    PUNIX=$here/../target/release/punix
fi

# What is in a store is read-only.
if [ -e "$scratch" ]; then
    chmod -R u+w "$scratch"
    rm -rf "$scratch"
fi
mkdir -p "$scratch"
scratch=$(cd "$scratch" && pwd)
cp -R "$here/hello.pcl" "$here/hello" "$scratch"
cd "$scratch"

export PUNIX_STORE_DIR="$scratch/store" PUNIX_CACHE_DIR="$scratch/cache" PUNIX_DEPLOYMENTS_DIR=/var/lib/punix/deployments

run() {
    printf '\n$ punix %s\n' "$*"
    "$PUNIX" "$@"
}

run service deploy HelloStack --file hello.pcl --transport-root host
run service plan HelloStack --file hello.pcl --transport-root host --scenario staging
run service deploy HelloStack --file hello.pcl --transport-root host --scenario staging
run service rollback HelloStack --transport-root host
run service history HelloStack --transport-root host
run verify HelloStack --transport-root host

printf '\nThe files are below %s/host; the records of the generations are in host/var/lib/punix/deployments/HelloStack.\n' "$scratch"
