#!/usr/bin/env bash
# Holds random interleavings of refresh, retry, theft and the rest against the
# reference model: 10,000 in memory, 500 on SQLite.
set -euo pipefail
cd "$(dirname "$0")/.."

check() { # check TEST CASES
  local said
  said=$(go test -race -count=1 -timeout=30m -v ./bootstrap/refreshmodel -run "^$1\$" -rapid.checks="$2") || {
    printf '%s\n' "$said" >&2
    exit 1
  }
  # A renamed test must not pass by not running.
  grep -F "OK, passed $2 tests" <<<"$said" || { printf '%s\n' "$said" >&2; exit 1; }
}

check TestRefreshAgainstTheModelInMemory 10000
check TestRefreshAgainstTheModelOnSQLite 500
