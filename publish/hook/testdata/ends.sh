#!/bin/sh
# Prints $1, says $2 on standard error, and ends with $3. Its input is read to the end.
cat >/dev/null
printf '%s' "$1"
printf '%s' "$2" >&2
exit "$3"
