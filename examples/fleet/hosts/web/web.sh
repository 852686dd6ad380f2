#!/bin/sh
# Serves the directory $1 on port $2.
exec python3 -m http.server --directory "$1" "$2"
