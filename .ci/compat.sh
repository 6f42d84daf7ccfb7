#!/usr/bin/env bash
# Runs the conformance suite on every store and writes docs/compat.md. With --check it
# fails when the page is not what the run says. It needs Docker.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "${1:-}" = --check ] && [ "${REQUIRE_DOCKER:-}" != 1 ] && ! docker version >/dev/null 2>&1; then
  echo 'no Docker engine answers: docs/compat.md is not checked'
  exit 0
fi
export REQUIRE_DOCKER=1
page=docs/compat.md
if [ "${1:-}" = --check ]; then
  page=$(mktemp)
  trap 'rm -f "$page"' EXIT
fi
go test -json -count=1 -run '^TestConformance' ./adapters/outbound/memstore ./adapters/outbound/entstore |
  go run ./bootstrap/gencompat "$page"
if [ "${1:-}" = --check ]; then
  diff -u docs/compat.md "$page"
fi
