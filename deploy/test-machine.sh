#!/bin/sh
# Brings what the tests need beside Python: real browsers, database servers, brokers, a TURN server, a media server to compare with.
# As root on Debian it installs what is missing; elsewhere it says what is missing, and those tests skip themselves with a reason.
# With FENGHUO_REQUIRE_ALL=1 a missing part is an error. Arguments are further packages (the rooms' benchmarks need a C compiler).
set -eu
PACKAGES="chromium firefox-esr postgresql redis-server mosquitto coturn janus fonts-noto-cjk iproute2 libnss3-tools $*"
SERVICES="postgresql redis-server mosquitto coturn janus"

if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "Not a Debian machine: the tests use $PACKAGES where they find them."
    [ "${FENGHUO_REQUIRE_ALL:-}" != 1 ]
    exit
fi
missing=
for package in $PACKAGES; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
    echo "Missing, so some tests will be skipped; to have them all: sudo apt install --no-install-recommends$missing"
    [ "${FENGHUO_REQUIRE_ALL:-}" != 1 ]
    exit
fi

# The tests start their own servers on ports of their own. Nothing that is installed here may begin to listen by itself.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' HUP INT TERM
fi
export DEBIAN_FRONTEND=noninteractive
echo "Installing for the tests:$missing"
apt-get -q -q update
# shellcheck disable=SC2086 # a list of words
apt-get -q -q -y --no-install-recommends -o Dpkg::Use-Pty=0 install $missing >/dev/null
if [ -d /run/systemd/system ]; then
    for service in $SERVICES; do
        case " $missing " in
        *" $service "*) systemctl --quiet disable --now "$service" 2>/dev/null || true ;;
        esac
    done
fi
