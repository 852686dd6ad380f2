#!/bin/sh
# Prints a greeting now and then.
while :; do
    printf '%s\n' "${GREETING:-hello}"
    sleep "${PAUSE_SECONDS:-60}"
done
