#!/bin/sh
# Makes a virtual environment with pip in it, from the newest suitable Python of this machine: make-venv.sh <folder>
# Python is $PYTHON, or the first of python3.11, python3, python3.12 ... that is 3.11 or newer.
set -eu
folder=$1

suitable() {
    command -v "$1" >/dev/null 2>&1 && "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

python=
for candidate in ${PYTHON:-python3.11 python3 python3.12 python3.13 python3.14}; do
    if suitable "$candidate"; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "Fenghuo needs Python 3.11 or newer; set PYTHON=/path/to/python3 if it has an unusual name." >&2
    exit 1
fi

# Debian's python3 comes without ensurepip; the package python3-venv has it.
if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    if [ -x /usr/bin/apt-get ] && [ "$(id -u)" = 0 ]; then
        apt-get -q -q update
        DEBIAN_FRONTEND=noninteractive apt-get -q -q -y --no-install-recommends install python3-venv >/dev/null
    else
        echo "$python has no ensurepip. On Debian and Ubuntu: apt install python3-venv" >&2
        exit 1
    fi
fi
rm -rf "$folder"
exec "$python" -m venv "$folder"
