#!/usr/bin/env bash
# All gates in order, each with its time; stops at the first that fails.
set -euo pipefail
cd "$(dirname "$0")/.."

times=
for gate in docs lint generate:check compat:check test examples image model fuzz crash; do
  printf '\n== %s\n' "$gate"
  started=$SECONDS
  if ! go tool -modfile=.ci/tools.mod task "$gate"; then
    printf '\n== %s failed after %d s\n' "$gate" $((SECONDS - started)) >&2
    exit 1
  fi
  times+=$(printf '%-16s %5d s' "$gate" $((SECONDS - started)))$'\n'
done
printf '\nAll gates passed.\n%s' "$times"
