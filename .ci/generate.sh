#!/usr/bin/env bash
# Makes everything that is generated, in place: ent's code, then the reference
# pages that are made from the code itself.
set -euo pipefail
cd "$(dirname "$0")/.."

go tool -modfile=.ci/tools.mod ent generate ./ent/schema
go run ./bootstrap/gendocs docs
