#!/usr/bin/env bash
# Builds, vets and tests every example as the outsider's module it is, against this
# checkout: examples.sh, or examples.sh tidy after go.mod of authserve has changed.
set -euo pipefail
cd "$(dirname "$0")/.."

examples=0
for module in docs/examples/*/go.mod; do
  [ -e "$module" ] || continue
  examples=$((examples + 1))
  (
    cd "$(dirname "$module")"
    echo "-- $(dirname "$module")"
    # An example stands alone, whatever workspace it is checked out in.
    export GOWORK=off
    if [ "${1:-}" = tidy ]; then
      go mod tidy
      exit
    fi
    if ! go mod tidy -diff; then
      echo 'its go.mod is stale: run .ci/examples.sh tidy' >&2
      exit 1
    fi
    unformatted=$(gofmt -l .)
    if [ -n "$unformatted" ]; then
      printf 'not formatted by gofmt:\n%s\n' "$unformatted" >&2
      exit 1
    fi
    go build ./...
    go vet ./...
    go test -race -shuffle=on -count=1 ./...
  )
done

if [ "$examples" = 0 ]; then
  echo 'no example found' >&2
  exit 1
fi
echo "$examples examples"
