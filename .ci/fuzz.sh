#!/usr/bin/env bash
# Runs every fuzz target for a short time: fuzz.sh [BUDGET], 5000x by default, or a
# duration such as 1m.
#
# The default counts executions because Go 1.26 can fail a target whose *time* is
# up, without any finding (go.dev/issue/75804, mended in Go 1.27).
set -euo pipefail
cd "$(dirname "$0")/.."
budget=${1:-5000x}

targets=0
while IFS=: read -r file target; do
  echo "-- $target in $(dirname "$file")"
  go test -run '^$' -fuzz "^$target\$" -fuzztime "$budget" -fuzzminimizetime 100x "./$(dirname "$file")"
  targets=$((targets + 1))
done < <(grep -roE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' -- * | sed 's/:func /:/' | sort)

if [ "$targets" = 0 ]; then
  echo 'no fuzz target found' >&2
  exit 1
fi
echo "$targets fuzz targets"
