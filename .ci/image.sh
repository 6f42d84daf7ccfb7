#!/usr/bin/env bash
# Builds the image and runs it as deployments/README.md says: read-only, without rights.
# It needs Docker; BUILDER_IMAGE and RUNTIME_IMAGE replace the bases.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "${REQUIRE_DOCKER:-}" != 1 ] && ! docker version >/dev/null 2>&1; then
  echo 'no Docker engine answers: the image is not tested'
  exit 0
fi
die() { printf 'image: %s\n' "$*" >&2; docker logs "$id" >&2 || true; exit 1; }

image=authserve:test-$$ id='' dir=$(mktemp -d)
cleanup() {
  [ -z "$id" ] || docker rm -f -v "$id" >/dev/null
  docker rmi "$image" >/dev/null 2>&1 || true
  rm -rf "$dir"
}
trap cleanup EXIT

bases=()
for base in BUILDER_IMAGE RUNTIME_IMAGE; do
  [ -z "${!base:-}" ] || bases+=(--build-arg "$base=${!base}")
done
docker build --quiet "${bases[@]}" -f deployments/docker/Dockerfile -t "$image" . >/dev/null

head -c 32 /dev/urandom | base64 >"$dir/master.key"
chmod 755 "$dir" && chmod 444 "$dir/master.key"
id=$(docker run -d --label authserve-test=image --read-only --tmpfs /tmp --cap-drop ALL \
  --security-opt no-new-privileges --memory 512m --pids-limit 256 \
  -v "$dir/master.key:/run/secrets/master_key:ro" -p 127.0.0.1:0:8080 \
  -e AUTHSERVE_ISSUER=http://localhost -e AUTHSERVE_MASTER_KEY_FILE=/run/secrets/master_key "$image")
url=http://$(docker port "$id" 8080 | head -n 1)/api/v1

for _ in $(seq 100); do
  docker exec "$id" /usr/local/bin/authserve healthcheck >/dev/null 2>&1 && break
  sleep 0.1
done
docker exec "$id" /usr/local/bin/authserve healthcheck >/dev/null || die 'it is not healthy'

post() { # post PATH BODY : prints the status
  curl -s -o "$dir/answer" -w '%{http_code}' -H 'Content-Type: application/json' -d "$2" "$url$1"
}
password='correct horse battery staple'
[ "$(post /auth/register "{\"email\":\"ada@example.com\",\"password\":\"$password\"}")" = 201 ] || die "register: $(cat "$dir/answer")"
[ "$(post /auth/login "{\"identifier\":\"ada@example.com\",\"password\":\"$password\"}")" = 200 ] || die "login: $(cat "$dir/answer")"
[ "$(post /auth/login '{"identifier":"ada@example.com","password":"not the password"}')" = 401 ] || die "wrong password: $(cat "$dir/answer")"

# Hashes run in processes of their own there, too: the service and at least one worker.
processes=$(docker top "$id" -eo pid,nice,comm | tail -n +2)
[ "$(wc -l <<<"$processes")" -ge 2 ] || die "no hash workers: $processes"
awk '$2 == 19 { n++ } END { exit n == 0 }' <<<"$processes" || die "no worker of the lowest priority: $processes"
docker exec "$id" /bin/sh -c true 2>/dev/null && die 'it has a shell'

docker stop -t 20 "$id" >/dev/null
[ "$(docker inspect -f '{{.State.ExitCode}}' "$id")" = 0 ] || die 'it does not stop by itself'
docker image inspect -f '{{.Size}}' "$image" | awk '{ printf "image: %.1f MB; registers, logs in and stops, read-only and without rights\n", $1 / 1e6 }'
