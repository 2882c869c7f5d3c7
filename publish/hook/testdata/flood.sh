#!/bin/sh
# Prints $1 blanks and then a set without records.
cat >/dev/null
printf "%${1}s" ''
printf '{"records":[]}'
