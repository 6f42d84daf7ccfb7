#!/usr/bin/env bash
# Runs every fuzz target for a short time: fuzz.sh [BUDGET], 5000x by default, or a
# duration such as 1m. Fails where a target did not run as often, or on nothing but
# its seeds, which count too.
#
# The default counts executions because Go 1.26 can fail a target whose *time* is
# up, without any finding (go.dev/issue/75804, mended in Go 1.27).
set -euo pipefail
cd "$(dirname "$0")/.."
budget=${1:-5000x}
least=1
if [[ $budget =~ ^([0-9]+)x$ ]]; then
  least=${BASH_REMATCH[1]}
fi
output=$(mktemp)
trap 'rm -f "$output"' EXIT
# last prints the number that a sed script finds last in the output; 0: none.
last() { sed -nE "$1" "$output" | tail -n 1 | grep . || echo 0; }

targets=0
while IFS=: read -r file target; do
  dir=$(dirname "$file")
  echo "-- $target in $dir"
  # From its directory: examples are modules of their own.
  go -C "$dir" test -run '^$' -fuzz "^$target\$" -fuzztime "$budget" -fuzzminimizetime 100x . | tee "$output"
  executions=$(last 's/.* execs: ([0-9]+) .*/\1/p')
  seeds=$(last 's/.* baseline coverage: [0-9]+\/([0-9]+) completed.*/\1/p')
  if [ "$executions" -lt "$least" ] || [ "$executions" -le "$seeds" ]; then
    echo "$target: $executions executions, of which $seeds of known inputs; want $least, and new ones (go clean -fuzzcache forgets the known)" >&2
    exit 1
  fi
  targets=$((targets + 1))
done < <(grep -roE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' -- * | sed 's/:func /:/' | sort)

if [ "$targets" = 0 ]; then
  echo 'no fuzz target found' >&2
  exit 1
fi
echo "$targets fuzz targets"
