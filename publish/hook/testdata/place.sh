#!/bin/sh
# A place whose sets are files in the directory $1, one a name, each as read prints it.
# HOW makes it go wrong: before, after (the work), lies.
set -eu
IFS= read -r request
member() { printf '%s\n' "$request" | sed -n 's/.*"'"$1"'":\('"$2"'\).*/\1/p'; }
name=$(member name '"[^"]*"' | tr -d '"')
file=$1/$name
[ -e "$file" ] || printf '{"ttl":0,"records":[],"alias":""}\n' >"$file"
case $(member do '"[^"]*"') in
'"read"')
  cat "$file"
  ;;
'"write"')
  [ "${HOW:-}" != before ] || { echo 'no more disk' >&2; exit 1; }
  if [ "$(member before '{[^}]*}')" != "$(cat "$file")" ]; then
    echo 'somebody was here' >&2
    exit 10
  fi
  [ "${HOW:-}" = lies ] || member after '{[^}]*}' >"$file"
  [ "${HOW:-}" != after ] || { echo 'no more disk' >&2; exit 1; }
  ;;
*)
  exit 64
  ;;
esac
