#!/usr/bin/env bash
# What is long or timed, and its record: docs/testing.md, from the line <!-- soak --> on.
#   SOAK=10m scripts/soak.sh     fuzzing for that long a target
set -uo pipefail
cd "$(dirname "$0")/.."
time=${SOAK:-10m} page=docs/testing.md failed=0
record=$(mktemp) said=$(mktemp)
trap 'rm -f "$record" "$said"' EXIT

row() { # title, command...
  local title=$1 begun=$SECONDS result=ok
  shift
  echo "== $title" >&2
  "$@" 2>&1 | tee "$said" >&2 || { result=FAILED; failed=1; }
  printf '| %s | `%s` | %d s | %s |\n' "$title" "$*" $((SECONDS - begun)) "$result" >>"$record"
}

{
  echo "<!-- soak -->"
  echo
  echo "## The last soak"
  echo
  if [ -n "$(git status --porcelain --untracked-files=no 2>/dev/null)" ]; then changed=", with changes that were not committed"; else changed=""; fi
  echo "$(date -u +%F), commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown)$changed, $(go env GOVERSION), $(nproc) processors."
  echo
  echo "| what | command | took | result |"
  echo "|---|---|---|---|"
} >"$record"
# One package after the other: what is measured must not wait for what is counted.
row "tests that take long or measure time and memory" go test -tags soak -run Soak -v -p 1 -timeout 60m ./...
figures=$(sed -n 's/.*: figure: /- /p' "$said")
row "everything under the race detector, ten times over" go test -race -count 10 -timeout 60m ./cache ./resolver/... ./verifier ./api
row "tests in random order" go test -shuffle on -count 1 -timeout 60m ./...
{
  echo
  echo "What the first of them measured:"
  echo
  echo "$figures"
  echo
  echo "Fuzzing, $time a target:"
  echo
  echo "| room | target | inputs | result |"
  echo "|---|---|---|---|"
  scripts/fuzz.sh "$time"
} >>"$record" || failed=1

sed '/^<!-- soak -->$/,$d' $page >$page.new
cat "$record" >>$page.new
mv $page.new $page
echo "soak: recorded in $page" >&2
exit $failed
