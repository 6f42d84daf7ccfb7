#!/usr/bin/env bash
# Checks every diagram. Without PlantUML it looks only for their ends, says so and
# passes, unless REQUIRE_PLANTUML=1 (as CI sets).
set -euo pipefail
cd "$(dirname "$0")/.."

# With the new ones that git does not know yet.
mapfile -d '' diagrams < <(git ls-files -z --cached --others --exclude-standard -- '*.puml')
for diagram in "${diagrams[@]}"; do # PlantUML passes over a diagram that does not end
  if ! grep -q '^@enduml' "$diagram"; then
    echo "$diagram: no @enduml" >&2
    exit 1
  fi
done

if ! command -v plantuml >/dev/null; then
  echo 'plantuml is not installed: the diagrams were not checked'
  [ "${REQUIRE_PLANTUML:-}" != 1 ]
  exit
fi
plantuml -headless -checkonly "${diagrams[@]}"
echo "${#diagrams[@]} diagrams"
