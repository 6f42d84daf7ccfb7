#!/usr/bin/env bash
# Lints Go code and, where shellcheck is installed, the scripts.
set -euo pipefail
cd "$(dirname "$0")/.."

go tool -modfile=.ci/tools.mod golangci-lint run ./...

if command -v shellcheck >/dev/null; then
  git ls-files -z --cached --others --exclude-standard -- '*.sh' .ci/run | xargs -0 shellcheck
elif [ "${REQUIRE_SHELLCHECK:-}" = 1 ]; then
  echo 'shellcheck is not installed' >&2
  exit 1
else
  echo 'shellcheck is not installed: the scripts were not checked'
fi
