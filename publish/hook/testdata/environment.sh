#!/bin/sh
# Prints names of variables that it has, as an alias, and its directory's name.
cat >/dev/null
printf '{"records":[],"alias":"%s.%s"}' "$(env | sed 's/=.*//' | grep -v -e '^_$' -e '^PWD$' -e '^OLDPWD$' -e '^SHLVL$' | sort | tr '\n' '.')" "$(basename "$(pwd)")"
