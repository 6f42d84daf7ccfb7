#!/usr/bin/env bash
# provision-docker.sh - make a machine without any container registry able to
# run the dockertest/compose suites.
#
#   provision-docker.sh all       engine + service images + build/runtime bases
#   provision-docker.sh engine    only: a Docker engine that answers
#   provision-docker.sh images    only: PostgreSQL, MariaDB, Redis images
#   provision-docker.sh bases     only: the bases deployments/Dockerfile can use
#   provision-docker.sh env       print the variables the Go tests read (eval it)
#   provision-docker.sh stop      remove our containers, stop the engine WE started
#
# Idempotent: each step looks first and does nothing when its result is there.
# Safe to run twice at once (flock). Nothing is ever pulled: every image is put
# together from distribution packages with mmdebstrap and loaded by `docker
# import`. All names start with "localhost/", so that even an accidental pull
# of a missing image asks localhost and fails at once, never a public registry.
#
# Needs: Debian 12, root. On a developer's own machine nobody runs this: the
# tests default to the official images there.
set -euo pipefail

: "${CI_DOCKER_DIR:=/var/tmp/authserve-ci-docker}"   # state: data root, pid, log, lock
: "${CI_DOCKER_SOCK:=/var/run/docker.sock}"
: "${CI_IMAGE_PREFIX:=localhost/authserve-ci}"
: "${CI_IMAGE_REV:=1}"          # bump when the recipe below changes: forces a rebuild
: "${CI_DEBIAN_SUITE:=bookworm}"
: "${CI_DEBIAN_MIRROR:=}"       # empty: mmdebstrap's default for the suite
: "${CI_GOROOT:=$(go env GOROOT 2>/dev/null || echo /usr/local/go)}"

readonly PIDFILE=$CI_DOCKER_DIR/dockerd.pid
readonly LOGFILE=$CI_DOCKER_DIR/dockerd.log
readonly DATAROOT=$CI_DOCKER_DIR/data
readonly EXECROOT=$CI_DOCKER_DIR/exec

PG_IMAGE=$CI_IMAGE_PREFIX/postgres:15
MARIADB_IMAGE=$CI_IMAGE_PREFIX/mariadb:10.11
REDIS_IMAGE=$CI_IMAGE_PREFIX/redis:7
SERVICES_BASE=$CI_IMAGE_PREFIX/services-base:r$CI_IMAGE_REV
# the tag carries the toolchain's version, so a new Go makes a new image
BUILDER_BASE=$CI_IMAGE_PREFIX/golang:$(cut -d' ' -f1 "$CI_GOROOT/VERSION" 2>/dev/null | head -n1 || true)
BUILDER_ROOTFS=$CI_IMAGE_PREFIX/golang-rootfs:${BUILDER_BASE##*:}-r$CI_IMAGE_REV
RUNTIME_BASE=$CI_IMAGE_PREFIX/runtime:local

log()  { printf '[provision %4ds] %s\n' "$SECONDS" "$*" >&2; }
die()  { log "ERROR: $*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
docker_up() { have docker && timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

APT_UPDATED=
apt_install() { # apt_install PKG... : only what is missing, lists refreshed once
  local p want=()
  for p in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || want+=("$p")
  done
  [ ${#want[@]} -eq 0 ] && return 0
  [ "$(id -u)" = 0 ] || die "root needed to install: ${want[*]}"
  if [ -z "$APT_UPDATED" ]; then apt-get update -qq; APT_UPDATED=1; fi
  log "apt: ${want[*]}"
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "${want[@]}" >/dev/null
}

# --------------------------------------------------------------------- engine
ensure_cgroups() { # some VMs boot with no cgroup tree; dockerd refuses to run without
  if [ -f /sys/fs/cgroup/cgroup.controllers ]; then return 0; fi     # v2
  if mountpoint -q /sys/fs/cgroup/memory 2>/dev/null; then return 0; fi # v1
  log "no cgroup controllers mounted: mounting cgroup v1"
  apt_install cgroupfs-mount
  cgroupfs-mount
}

# A killed daemon may stay a zombie for a while: kill -0 and /proc/PID still
# answer then, but its command line is empty.
alive() { [ -n "${1:-}" ] && [ -n "$({ tr -d '\0' <"/proc/$1/cmdline"; } 2>/dev/null)" ]; }

our_dockerd_pid() { # prints the pid when the pid file names a live dockerd, else fails
  local pid
  pid=$(cat "$PIDFILE" 2>/dev/null) || return 1
  alive "$pid" && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ] || return 1
  echo "$pid"
}

start_engine() {
  if docker_up; then log "engine answers: $(docker version -f '{{.Server.Version}}')"; return 0; fi
  [ "${DOCKER_HOST:-unix://$CI_DOCKER_SOCK}" = "unix://$CI_DOCKER_SOCK" ] || die "DOCKER_HOST=$DOCKER_HOST is set but no engine answers there"
  [ "$(id -u)" = 0 ] || die "no engine answers and only root can start one"
  apt_install docker.io iptables
  # docker.io's postinst tries invoke-rc.d; with no init running that is a no-op.
  ensure_cgroups
  mkdir -p "$DATAROOT"
  local pid
  if ! pid=$(our_dockerd_pid); then # else it is still coming up: just wait
    # What a killed engine leaves: its own pid file (dockerd refuses to start
    # once the number is reused) and that of its containerd, which dies with it
    # but may stay a zombie: dockerd then takes it for running and gives up
    # after 15 s. A containerd that really lives is adopted, so let it be.
    rm -f "$PIDFILE"
    alive "$(cat "$EXECROOT/containerd/containerd.pid" 2>/dev/null)" || rm -f "$EXECROOT/containerd/containerd.pid"
    log "starting dockerd, data root $DATAROOT"
    local extra=(); read -r -a extra <<<"${CI_DOCKERD_FLAGS:-}"
    # --ip 127.0.0.1: a published port is bound to loopback unless a test asks otherwise.
    # setsid + closed stdio + cd /: survives the calling shell, holds no CI pipe open.
    # fd 9 is our lock: the daemon must not inherit it.
    # No --default-ulimit: raising the hard limit fails where root lacks the right to.
    ( cd / && exec setsid dockerd \
        --data-root "$DATAROOT" --exec-root "$EXECROOT" --pidfile "$PIDFILE" \
        --host "unix://$CI_DOCKER_SOCK" \
        --storage-driver "${CI_STORAGE_DRIVER:-overlay2}" \
        --ip 127.0.0.1 --log-driver json-file --log-opt max-size=5m --log-opt max-file=1 \
        --shutdown-timeout 10 \
        "${extra[@]}" </dev/null >>"$LOGFILE" 2>&1 9>&- ) &
    pid=$! # setsid does not fork here, so this is dockerd's own pid
    disown
  fi
  local _
  for _ in $(seq 1 300); do
    if docker_up; then log "engine ready"; return 0; fi
    alive "$pid" || break # died: no use waiting
    sleep 0.2
  done
  tail -n 25 "$LOGFILE" >&2
  die "dockerd did not become ready (log above: $LOGFILE)"
}

# Containers that an aborted test run left: only those labelled authserve-test, which
# every test here sets. Never `docker rm $(docker ps -aq)` nor `docker ... prune`:
# the engine may be shared.
remove_test_containers() {
  local ids=()
  mapfile -t ids < <(docker ps -aq --filter label=authserve-test)
  [ ${#ids[@]} -eq 0 ] || docker rm -f -v "${ids[@]}" >/dev/null
}

# --------------------------------------------------------------------- images
has_image() { docker image inspect "$1" >/dev/null 2>&1; }
image_rev() { docker image inspect -f '{{index .Config.Labels "authserve-ci.rev"}}' "$1" 2>/dev/null || true; }
up_to_date() { [ "$(image_rev "$1")" = "$CI_IMAGE_REV" ]; }

rootfs_image() { # rootfs_image IMAGE PKG,PKG,... [mmdebstrap option...]
  local image=$1 pkgs=$2 tar; shift 2
  apt_install mmdebstrap
  tar=$(mktemp "$CI_DOCKER_DIR/rootfs.XXXXXX.tar")
  log "mmdebstrap for $image"
  # 'essential' leaves apt out. Excluding LLVM (only PostgreSQL's optional JIT
  # wants it) saves 150 MB and a third of the time.
  mmdebstrap --quiet --variant=essential --include="$pkgs" \
    --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/lib/*/libLLVM*' \
    --dpkgopt='path-exclude=/usr/lib/*/libz3*' \
    --dpkgopt='path-exclude=/usr/lib/postgresql/*/lib/bitcode/*' \
    --dpkgopt='path-exclude=/usr/lib/postgresql/*/lib/llvmjit*' \
    "$@" "$CI_DEBIAN_SUITE" "$tar" ${CI_DEBIAN_MIRROR:+"$CI_DEBIAN_MIRROR"} </dev/null 1>&2
  docker import --change "LABEL authserve-ci.rev=$CI_IMAGE_REV" "$tar" "$image" >/dev/null
  rm -f "$tar"
}

build_small() { # build_small IMAGE CONTEXTDIR : classic builder, no RUN step, no network
  log "docker build $1"
  DOCKER_BUILDKIT=0 docker build --quiet --network none --label "authserve-ci.rev=$CI_IMAGE_REV" \
    -t "$1" "$2" >/dev/null 2>"$CI_DOCKER_DIR/build.log" || { cat "$CI_DOCKER_DIR/build.log" >&2; return 1; }
}

service_images() {
  if up_to_date "$PG_IMAGE" && up_to_date "$MARIADB_IMAGE" && up_to_date "$REDIS_IMAGE"; then
    log "service images are there (rev $CI_IMAGE_REV)"; return 0
  fi
  # One root file system holds the three servers: one apt transaction, one layer
  # on disk; the images differ in entry point, port and environment only.
  # shellcheck disable=SC2016 # $1 is expanded by the hook's own shell
  has_image "$SERVICES_BASE" || rootfs_image "$SERVICES_BASE" \
    postgresql-15,mariadb-server-core,mariadb-client-core,redis-server,gosu,tzdata \
    --customize-hook='rm -rf "$1"/var/lib/postgresql/15 "$1"/etc/postgresql/15' \
    --customize-hook='chroot "$1" useradd --system --home-dir /var/lib/mysql --shell /usr/sbin/nologin mysql' \
    --customize-hook='install -d "$1"/docker-entrypoint-initdb.d'
  local ctx; ctx=$(mktemp -d "$CI_DOCKER_DIR/ctx.XXXXXX")

  # --- PostgreSQL: POSTGRES_PASSWORD/USER/DB/HOST_AUTH_METHOD, initdb.d, "postgres -c ..." like the official image
  cat >"$ctx/pg.sh" <<'PG'
#!/bin/bash
set -euo pipefail
if [ "${1:-}" = "" ] || [ "${1#-}" != "$1" ]; then set -- postgres "$@"; fi
[ "$1" = postgres ] || exec "$@"
export PGDATA=${PGDATA:-/var/lib/postgresql/data}
user=${POSTGRES_USER:-postgres} db=${POSTGRES_DB:-${POSTGRES_USER:-postgres}} method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
if [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA" /var/run/postgresql; chown -R postgres: "$PGDATA" /var/run/postgresql; chmod 700 "$PGDATA"
  exec gosu postgres "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "$method" != trust ]; then
    echo "Error: POSTGRES_PASSWORD is not set" >&2; exit 1
  fi
  pwfile=$(mktemp); printf '%s\n' "${POSTGRES_PASSWORD:-unused}" >"$pwfile"
  # shellcheck disable=SC2086
  initdb --no-sync --username="$user" --pwfile="$pwfile" --auth=trust \
    --encoding=UTF8 --locale=C.UTF-8 ${POSTGRES_INITDB_ARGS:-} >/dev/null
  rm -f "$pwfile"
  echo "host all all all $method" >>"$PGDATA/pg_hba.conf"
  if [ "$db" != postgres ]; then
    printf 'CREATE DATABASE "%s"\n' "$db" | postgres --single -E -D "$PGDATA" postgres >/dev/null
  fi
  if [ -n "$(ls -A /docker-entrypoint-initdb.d)" ]; then
    pg_ctl -w -s -o "-c listen_addresses=''" start >/dev/null
    for f in /docker-entrypoint-initdb.d/*; do
      case $f in *.sql) psql -v ON_ERROR_STOP=1 -U "$user" -d "$db" -f "$f";; *.sh) bash "$f";; esac
    done
    pg_ctl -w -s -m fast stop
  fi
fi
exec "$@" -c listen_addresses='*' -c jit=off
PG
  # --- MariaDB: MARIADB_* or MYSQL_* variables, "mysqld --flag" or "--flag"
  cat >"$ctx/mariadb.sh" <<'MY'
#!/bin/bash
set -euo pipefail
if [ "${1:-}" = "" ] || [ "${1#-}" != "$1" ]; then set -- mariadbd "$@"; fi
if [ "$1" = mysqld ]; then shift; set -- mariadbd "$@"; fi
[ "$1" = mariadbd ] || exec "$@"
data=/var/lib/mysql run=/run/mysqld
if [ "$(id -u)" = 0 ]; then
  mkdir -p "$data" "$run"; chown -R mysql: "$data" "$run"
  exec gosu mysql "$0" "$@"
fi
val() { local a=MARIADB_$1 b=MYSQL_$1; printf %s "${!a:-${!b:-}}"; }
q() { printf "'%s'" "$(printf %s "$1" | sed "s/\\\\/\\\\\\\\/g; s/'/''/g")"; }
ident() { printf '`%s`' "${1//\`/\`\`}"; }
if [ ! -d "$data/mysql" ]; then
  root=$(val ROOT_PASSWORD)
  if [ -z "$root" ] && [ -z "$(val ALLOW_EMPTY_PASSWORD)$(val ALLOW_EMPTY_ROOT_PASSWORD)" ]; then
    echo "Error: set MARIADB_ROOT_PASSWORD (or MYSQL_ROOT_PASSWORD)" >&2; exit 1
  fi
  mariadb-install-db --datadir="$data" --skip-test-db --skip-name-resolve \
    --auth-root-authentication-method=normal --innodb-flush-log-at-trx-commit=0 >/dev/null
  db=$(val DATABASE) u=$(val USER)
  # Bootstrap mode reads one statement a line and starts without grant tables,
  # hence FLUSH PRIVILEGES first.
  {
    echo 'FLUSH PRIVILEGES;'
    # install-db also makes password-less root@127.0.0.1, root@::1, root@<hostname>
    echo "DELETE FROM mysql.global_priv WHERE User NOT IN ('root','mariadb.sys') OR Host <> 'localhost';"
    echo 'FLUSH PRIVILEGES;'
    echo "ALTER USER 'root'@'localhost' IDENTIFIED BY $(q "$root");"
    echo "CREATE USER 'root'@'%' IDENTIFIED BY $(q "$root");"
    echo "GRANT ALL ON *.* TO 'root'@'%' WITH GRANT OPTION;"
    [ -z "$db" ] || echo "CREATE DATABASE IF NOT EXISTS $(ident "$db") CHARACTER SET utf8mb4;"
    [ -z "$u" ] || echo "CREATE USER $(q "$u")@'%' IDENTIFIED BY $(q "$(val PASSWORD)");"
    [ -z "$u" ] || [ -z "$db" ] || echo "GRANT ALL ON $(ident "$db").* TO $(q "$u")@'%';"
  } | mariadbd --datadir="$data" --bootstrap --skip-networking --innodb-flush-log-at-trx-commit=0 >/dev/null
  if [ -n "$(ls -A /docker-entrypoint-initdb.d)" ]; then
    mariadbd --datadir="$data" --socket="$run/init.sock" --skip-networking & pid=$!
    for _ in $(seq 300); do MYSQL_PWD=$root mariadb -uroot -S "$run/init.sock" -e 'select 1' >/dev/null 2>&1 && break; sleep 0.1; done
    for f in /docker-entrypoint-initdb.d/*; do
      case $f in *.sql) MYSQL_PWD=$root mariadb -uroot -S "$run/init.sock" ${db:+"$db"} <"$f";; *.sh) bash "$f";; esac
    done
    kill "$pid"; wait "$pid"
  fi
fi
exec "$@" --datadir="$data" --socket="$run/mysqld.sock" --bind-address=0.0.0.0 --port=3306 --skip-name-resolve
MY
  # --- Redis: "redis-server --flag", "--flag", or nothing
  cat >"$ctx/redis.sh" <<'RD'
#!/bin/bash
set -euo pipefail
if [ "${1:-}" = "" ] || [ "${1#-}" != "$1" ]; then set -- redis-server "$@"; fi
[ "$1" = redis-server ] || exec "$@"
if [ "$(id -u)" = 0 ]; then chown redis: /data; exec gosu redis "$0" "$@"; fi
shift
# protected mode off: as in the official image, other hosts may connect
exec redis-server --bind 0.0.0.0 --protected-mode no --dir /data "$@"
RD
  chmod 755 "$ctx"/*.sh
  mkdir "$ctx/pg" "$ctx/my" "$ctx/rd"
  mv "$ctx/pg.sh" "$ctx/pg/entrypoint"; mv "$ctx/mariadb.sh" "$ctx/my/entrypoint"; mv "$ctx/redis.sh" "$ctx/rd/entrypoint"
  cat >"$ctx/pg/Dockerfile" <<EOF2
FROM $SERVICES_BASE
ENV PATH=/usr/lib/postgresql/15/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin PGDATA=/var/lib/postgresql/data LANG=C.UTF-8
COPY entrypoint /usr/local/bin/entrypoint
ENTRYPOINT ["/usr/local/bin/entrypoint"]
CMD ["postgres"]
EXPOSE 5432
STOPSIGNAL SIGINT
VOLUME /var/lib/postgresql/data
EOF2
  cat >"$ctx/my/Dockerfile" <<EOF2
FROM $SERVICES_BASE
ENV LANG=C.UTF-8
COPY entrypoint /usr/local/bin/entrypoint
ENTRYPOINT ["/usr/local/bin/entrypoint"]
CMD ["mariadbd"]
EXPOSE 3306
VOLUME /var/lib/mysql
EOF2
  cat >"$ctx/rd/Dockerfile" <<EOF2
FROM $SERVICES_BASE
COPY entrypoint /usr/local/bin/entrypoint
WORKDIR /data
ENTRYPOINT ["/usr/local/bin/entrypoint"]
CMD ["redis-server"]
EXPOSE 6379
VOLUME /data
EOF2
  build_small "$PG_IMAGE" "$ctx/pg"
  build_small "$MARIADB_IMAGE" "$ctx/my"
  build_small "$REDIS_IMAGE" "$ctx/rd"
  rm -rf "$ctx"
}

# Stand-ins for the public bases of deployments/Dockerfile (BUILDER_IMAGE, RUNTIME_IMAGE).
base_images() {
  if up_to_date "$BUILDER_BASE"; then log "builder base is there"; else
    [ -x "$CI_GOROOT/bin/go" ] || die "no Go toolchain at $CI_GOROOT"
    # shellcheck disable=SC2016 # $1 is expanded by the hook's own shell
    has_image "$BUILDER_ROOTFS" || rootfs_image "$BUILDER_ROOTFS" gcc,libc6-dev,ca-certificates,git,tzdata \
      --customize-hook="mkdir -p \"\$1\"/usr/local/go && cp -a '$CI_GOROOT'/bin '$CI_GOROOT'/pkg '$CI_GOROOT'/src '$CI_GOROOT'/lib '$CI_GOROOT'/VERSION '$CI_GOROOT'/go.env \"\$1\"/usr/local/go/ && mkdir -p \"\$1\"/go" \
      --customize-hook='install -m 644 /etc/ssl/certs/ca-certificates.crt "$1"/etc/ssl/certs/ca-certificates.crt'
    # ^ the builder trusts what this machine trusts (its module proxy may sit behind
    #   a local CA): the image is for this machine only, never push it
    # the same PATH, GOPATH and GOTOOLCHAIN as in the official golang image
    local ctx; ctx=$(mktemp -d "$CI_DOCKER_DIR/ctx.XXXXXX")
    printf 'FROM %s\nENV PATH=/go/bin:/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin GOPATH=/go GOTOOLCHAIN=local\nWORKDIR /go\n' \
      "$BUILDER_ROOTFS" >"$ctx/Dockerfile"
    build_small "$BUILDER_BASE" "$ctx"; rm -rf "$ctx"
  fi
  if up_to_date "$RUNTIME_BASE"; then log "runtime base is there"; else
    # What distroless/static:nonroot has: CA roots, zoneinfo, passwd/group, /tmp; no shell, no libc.
    apt_install ca-certificates tzdata
    local r; r=$(mktemp -d "$CI_DOCKER_DIR/rt.XXXXXX")
    install -d "$r"/etc/ssl/certs "$r"/usr/share "$r"/home
    install -d -m 1777 "$r"/tmp
    install -d -m 700 -o 65532 -g 65532 "$r"/home/nonroot
    # the package's public roots, not the machine's own bundle
    cat /usr/share/ca-certificates/mozilla/*.crt >"$r"/etc/ssl/certs/ca-certificates.crt
    cp -a /usr/share/zoneinfo "$r"/usr/share/
    printf 'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n' >"$r"/etc/passwd
    printf 'root:x:0:\nnonroot:x:65532:\n' >"$r"/etc/group
    echo 'hosts: files dns' >"$r"/etc/nsswitch.conf
    tar -C "$r" --numeric-owner -cf - . | docker import --change "LABEL authserve-ci.rev=$CI_IMAGE_REV" \
      --change 'USER 65532:65532' --change 'WORKDIR /home/nonroot' - "$RUNTIME_BASE" >/dev/null
    rm -rf "$r"
  fi
}

print_env() { # what the Go tests and deployments/compose read; on users' machines these are unset
  cat <<E
export TEST_POSTGRES_IMAGE=$PG_IMAGE
export TEST_MARIADB_IMAGE=$MARIADB_IMAGE
export TEST_REDIS_IMAGE=$REDIS_IMAGE
export BUILDER_IMAGE=$BUILDER_BASE
export RUNTIME_IMAGE=$RUNTIME_BASE
E
}

stop_engine() { # only an engine that this script started
  local pid; pid=$(our_dockerd_pid) || { log "no engine of ours is running"; return 0; }
  remove_test_containers
  kill "$pid"
  local _; for _ in $(seq 1 100); do alive "$pid" || break; sleep 0.2; done
  log "engine stopped"
}

main() {
  if [ "${1:-}" = env ]; then print_env; return 0; fi
  mkdir -p "$CI_DOCKER_DIR"
  exec 9>"$CI_DOCKER_DIR/lock"
  if have flock; then flock -w 1200 9 || die "another provisioning holds $CI_DOCKER_DIR/lock"; fi
  trap 'rm -rf "$CI_DOCKER_DIR"/rootfs.* "$CI_DOCKER_DIR"/ctx.* "$CI_DOCKER_DIR"/rt.*' EXIT
  case ${1:-all} in
    all)    start_engine; service_images; base_images ;;
    engine) start_engine ;;
    images) start_engine; service_images ;;
    bases)  start_engine; base_images ;;
    stop)   stop_engine ;;
    *)      die "usage: $0 [all|engine|images|bases|env|stop]" ;;
  esac
  log "done: ${1:-all}"
}
main "$@"
