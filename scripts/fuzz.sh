#!/usr/bin/env bash
# Runs every fuzz target of the module for a time each (default 20s), or those whose name matches $2.
#   scripts/fuzz.sh 10m 'FuzzToken|FuzzReply'
# Prints a line a target: its name and how many inputs were tried. What crashes is kept by the go command in testdata/fuzz.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-20s} only=${2:-.}
failed=0
while read -r dir; do
  [ -d "$dir" ] || continue
  targets=$(grep -hoE '^func Fuzz[A-Za-z0-9_]*' "$dir"/*_test.go | awk '{print $2}' | grep -E "$only" | sort -u || true)
  for target in $targets; do
    if out=$(go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 1x "./$dir" 2>&1); then
      tried=$(grep -oE 'execs: [0-9]+' <<<"$out" | tail -1 | awk '{print $2}')
      printf '| %s | %s | %s | ok |\n' "$dir" "$target" "${tried:-0}"
    else
      printf '%s\n' "$out" >&2
      printf '| %s | %s | | FAILED |\n' "$dir" "$target"
      failed=1
    fi
  done
done < <(grep -rlE '^func Fuzz' --include='*_test.go' . | sed -e 's,^\./,,' -e 's,/[^/]*$,,' | sort -u)
exit $failed
