#!/usr/bin/env bash
# Plays the scenarios of other resolvers' test suites (Unbound, Deckard) against bin/cnfd, where their runner is
# there, and holds the lenient score to the floor recorded in docs/conformance.md.
#   CONFORMANCE=path/to/conformance/run scripts/conformance.sh    default: a directory conformance beside the checkout
set -uo pipefail
cd "$(dirname "$0")/.."
runner=${CONFORMANCE:-}
for found in ../conformance/run ../*/conformance/run; do
  [ -n "$runner" ] || [ ! -x "$found" ] || runner=$found
done
floor=$(sed -nE 's/^Floor, lenient: ([0-9]+).*/\1/p' docs/conformance.md)
[ -n "$floor" ] || { echo "conformance: docs/conformance.md has no floor" >&2; exit 1; }
if [ -z "$runner" ]; then
  echo "conformance: NOT RUN: no runner beside the checkout (CONFORMANCE names one)"
  exit 0
fi
if [ "$(id -u)" != 0 ]; then
  echo "conformance: NOT RUN: the runner makes network namespaces and needs root"
  exit 0
fi
out=$(CNFD=$PWD/bin/cnfd "$runner" 2>&1)
status=$?
# "unbound total      run  111  strict   64  lenient   94  error   0  skip   0", and the same for deckard
totals=$(grep -E '^[a-z]+ total ' <<<"$out")
score=$(awk '{ for (i = 1; i < NF; i++) if ($i == "lenient") sum += $(i + 1) } END { print sum }' <<<"$totals")
if [ -z "$score" ]; then
  printf '%s\n' "$out" | tail -20
  echo "conformance: the runner gave no score (exit $status)" >&2
  exit 1
fi
printf '%s\n' "$totals"
echo "conformance: $score lenient, the floor is $floor"
[ "$score" -ge "$floor" ]
