#!/usr/bin/env bash
# Fails when what is generated differs from what the checkout holds, new and
# vanished files included, and when go.mod is not tidy. Afterwards the checkout
# holds the fresh files: read the diff and commit it.
set -euo pipefail
cd "$(dirname "$0")/.."

fingerprint() { # of every file below the generated folders that git would keep
  git ls-files -z --cached --others --exclude-standard -- ent docs |
    while IFS= read -r -d '' file; do
      if [ -e "$file" ]; then sha256sum -- "$file"; fi
    done | sort -u
}

before=$(fingerprint)
.ci/generate.sh
if ! changes=$(diff <(printf '%s\n' "$before") <(fingerprint)); then
  printf 'generated files were stale:\n%s\n' "$changes" >&2
  exit 1
fi
go mod tidy -diff
