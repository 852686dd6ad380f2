#!/bin/sh
# Says its greeting once a minute.
while :; do
    printf '%s\n' "${GREETING:-hello}"
    sleep 60
done
