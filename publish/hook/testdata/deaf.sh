#!/bin/sh
# Ends without having read a thing, where $1 is deaf.
exec <&-
[ "$1" = deaf ] || exit 1
printf '{"ttl":0,"records":[]}'
