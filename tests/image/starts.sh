#!/usr/bin/env bash
# Starts the container image for real, without a Docker engine, as the user and with the command that it names, waits until it is ready,
# asks its own health check, and stops it: starts.sh [image]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

READY_S=120
STOP_S=30
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
image=${1:-${IMAGE:-localhost/fenghuo:$version}}
export BUILDAH_ISOLATION=${BUILDAH_ISOLATION:-chroot} STORAGE_DRIVER=${STORAGE_DRIVER:-vfs}

fail() {
    echo "image: $*" >&2
    [[ -s $log ]] && tail -n 40 "$log" >&2
    exit 1
}
alive() { [[ -n $pid ]] && kill -0 "$pid" 2>/dev/null; }
finish() {
    if alive; then
        # Its children end by themselves when it is gone.
        kill -TERM "$pid" 2>/dev/null || true
        sleep 1
        kill -KILL "$pid" 2>/dev/null || true
        wait "$runner" 2>/dev/null || true
    fi
    [[ -z ${container:-} ]] || buildah rm "$container" >/dev/null
    rm -f "$log"
}
log=$(mktemp) pid='' runner='' container=''
trap finish EXIT

read -r port media mqtt < <(python3 - <<'P'
import socket
sockets = [socket.socket(socket.AF_INET, kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_STREAM)]
for one in sockets:
    one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in sockets))
P
)

format='{{.Docker.Config.User}}|{{.Docker.Config.Entrypoint}}|{{.Docker.Config.Cmd}}|{{.Docker.Config.Healthcheck.Test}}'
[[ $(buildah inspect --type image --format "$format" "$image") == \
    '10001:10001|[fenghuo]|[serve]|[CMD python /opt/fenghuo/app/deploy/healthcheck.py]' ]] || fail "its configuration is not the expected one"

container=$(buildah from --pull-never "$image")
root=$(buildah mount "$container")
for path in etc/pip.conf root/.npmrc root/.pip root/.config opt/node opt/fenghuo/app/node_modules opt/fenghuo/app/.git; do
    [[ ! -s $root/$path ]] || fail "/$path was left in it by the machine that built it"
done
[[ -s $root/opt/fenghuo/app/dashboard/assets/vendor/.stamp ]] || fail "the browser parts are missing"

environment=(--env "FENGHUO_HOST=127.0.0.1" --env "FENGHUO_PORT=$port" --env "FENGHUO_MEDIA_PORT=$media" --env "FENGHUO_MQTT_PORT=$mqtt")
# Its first line says which process it is, here and there: this kind of isolation has one table of processes.
# shellcheck disable=SC2016 # $$ is the shell's in the container
buildah run "${environment[@]}" "$container" -- sh -c 'echo "process $$ of user $(id -u)"; exec fenghuo serve' >"$log" 2>&1 &
runner=$!
began=$SECONDS
until grep -q '^process [0-9]* of user ' "$log"; do
    kill -0 "$runner" 2>/dev/null || fail "it did not start"
    ((SECONDS - began < READY_S)) || fail "it did not start in $READY_S s"
    sleep 0.2
done
pid=$(sed -n 's/^process \([0-9]*\) of user .*/\1/p' "$log")
grep -q "^process $pid of user 10001$" "$log" || fail "it does not run as user 10001"
until buildah run "${environment[@]}" "$container" -- python /opt/fenghuo/app/deploy/healthcheck.py >/dev/null 2>&1; do
    alive || fail "it ended by itself"
    ((SECONDS - began < READY_S)) || fail "/readyz did not answer in $READY_S s"
    sleep 1
done
ready=$((SECONDS - began))
buildah run "$container" -- test -s /data/secrets/node || fail "it made no secrets"
loose=$(buildah run "$container" -- find /data -path '*/secrets/*' -type f -perm /077)
[[ -z $loose ]] || fail "others can read $loose"

kill -TERM "$pid"
began=$SECONDS
while alive; do
    ((SECONDS - began < STOP_S)) || fail "it did not stop in $STOP_S s"
    sleep 0.2
done
code=0
wait "$runner" || code=$?
((code == 0)) || fail "it stopped with code $code"
pid=''
echo "image: $image is ready after $ready s and stops in $((SECONDS - began)) s; $(du -sm "$root" | cut -f1) MB"
