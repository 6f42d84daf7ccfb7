#!/usr/bin/env bash
# Writes the migrations from the newest files to ent/schema, for every database:
#   .ci/migrate-new.sh NAME
# Without a name it only records the checksums of files that were edited by hand. With
# one it needs Docker: the difference is taken on empty databases of servers.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ $# -eq 0 ]; then
  exec go run ./ent/migrate/new
fi

password=only-for-migrations
containers=()
cleanup() { [ ${#containers[@]} -eq 0 ] || docker rm -f "${containers[@]}" >/dev/null; }
trap cleanup EXIT

start() { # start PORT IMAGE ENVIRONMENT... : sets addr
  local port=$1 image=$2 id environ=()
  shift 2
  for variable in "$@"; do environ+=(-e "$variable"); done
  id=$(docker run -d --label authserve-test=migrations -p "127.0.0.1:0:$port" "${environ[@]}" "$image")
  containers+=("$id")
  addr=$(docker port "$id" "$port" | head -n 1)
}

start 5432 "${TEST_POSTGRES_IMAGE:-postgres:17}" "POSTGRES_PASSWORD=$password"
export DEV_POSTGRES="postgres://postgres:$password@$addr/postgres"
start 3306 "${TEST_MARIADB_IMAGE:-mariadb:10.11}" "MARIADB_ROOT_PASSWORD=$password" "MYSQL_DATABASE=dev"
export DEV_MYSQL="root:$password@tcp($addr)/dev"
go run ./ent/migrate/new "$@"
