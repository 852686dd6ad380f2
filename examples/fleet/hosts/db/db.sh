#!/bin/sh
# Stands in for a database: wants its directory and its password, then waits.
: "${DB_DIR:?}" "${DB_PASSWORD:?}"
cd "$DB_DIR" || exit 1
while :; do sleep 3600; done
