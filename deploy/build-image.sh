#!/usr/bin/env bash
# Builds the container image with buildah, without a Docker engine: build-image.sh
#
#   IMAGE     name of the image to make                  localhost/fenghuo:<version>
#   BASE      image to build on, already on this machine or in a registry that buildah can reach
#             empty: a small Debian 12 with Python is made with debootstrap (root only) and named localhost/fenghuo-base
#   MIRROR, SECURITY_MIRROR   Debian's packages         http://deb.debian.org/debian, http://deb.debian.org/debian-security
#
# The base made here is kept for the next build; `buildah rmi localhost/fenghuo-base:bookworm` has it made anew, with today's updates.
# This machine's ways to its package registries (settings of pip and npm, certificates) are mounted while building. They are not copied
# into the image: only a build stage that is thrown away runs commands.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
image=${IMAGE:-localhost/fenghuo:$version}
base=${BASE:-}
export BUILDAH_ISOLATION=${BUILDAH_ISOLATION:-chroot} STORAGE_DRIVER=${STORAGE_DRIVER:-vfs}

scratch=$(mktemp -d)
trap 'rm -rf --one-file-system "$scratch"' EXIT

if [[ -z $base ]]; then
    base=localhost/fenghuo-base:bookworm
    if ! buildah inspect --type image "$base" >/dev/null 2>&1; then
        debootstrap --variant=minbase --include=python3,python3-venv,tzdata,ca-certificates \
            bookworm "$scratch/root" "${MIRROR:-http://deb.debian.org/debian}" >"$scratch/debootstrap.log" 2>&1 ||
            { tail -n 20 "$scratch/debootstrap.log" >&2; exit 1; }
        printf 'deb %s bookworm-security main\n' "${SECURITY_MIRROR:-http://deb.debian.org/debian-security}" \
            >"$scratch/root/etc/apt/sources.list.d/security.list"
        # Settings of apt for this machine's way out, for this command alone.
        apt_options=()
        while IFS= read -r option; do apt_options+=(-o "$option"); done < <(apt-config dump --format '%f=%v%n' 'Acquire::http' | sed -n '/=./p')
        for step in update upgrade; do
            DEBIAN_FRONTEND=noninteractive chroot "$scratch/root" apt-get -q -q -y "${apt_options[@]}" "$step" >"$scratch/apt.log" 2>&1 ||
                { cat "$scratch/apt.log" >&2; exit 1; }
        done
        rm -rf "$scratch"/root/var/cache/apt/* "$scratch"/root/var/lib/apt/lists/* "$scratch"/root/var/log/*
        rm -rf "$scratch"/root/usr/share/{doc,man,locale,info}/* "$scratch"/root/etc/resolv.conf "$scratch"/root/etc/hostname
        container=$(buildah from scratch)
        buildah add --quiet "$container" "$scratch/root" / >/dev/null
        buildah config --cmd /bin/bash --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
        buildah commit --quiet --rm "$container" "$base" >/dev/null
        rm -rf "$scratch/root"
    fi
fi

# Mount only what exists here; a path twice would be refused.
declare -A mounted=()
volumes=()
mount_at() {
    if [[ -e $1 && -z ${mounted[$2]:-} ]]; then
        mounted[$2]=1
        volumes+=(--volume "$1:$2:ro")
    fi
}

# pip: every option in force here, environment included, as one file; and the local paths that the options name.
options=$(python3 -m pip config list 2>/dev/null || true)
{
    echo '[global]'
    sed -n "s/^\(global\|:env:\)\.\([a-z-]*\)='\(.*\)'$/\2 = \3/p" <<<"$options" |
        awk -F' = ' '!seen[$1]++ && $1 != "no-cache-dir"'
} >"$scratch/pip.conf"
mount_at "$scratch/pip.conf" /etc/pip.conf
grep -o '\(file://\)\?/[^ ]*' "$scratch/pip.conf" | sed 's#^file://##' | grep -v '^//' | while read -r path; do
    # An index in a folder refers to its files beside it.
    case $path in */simple | */simple/) dirname "$path" ;; *) echo "$path" ;; esac
done | sort -u >"$scratch/paths" || true
while read -r path; do mount_at "$path" "$path"; done <"$scratch/paths"

# npm: the user's and the machine's files.
if command -v npm >/dev/null; then
    for key in userconfig globalconfig; do
        file=$(npm config get "$key" 2>/dev/null || true)
        [[ -f $file ]] && cat "$file" && echo
    done >"$scratch/npmrc" || true
    mount_at "$scratch/npmrc" /root/.npmrc
fi
authorities=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
mount_at "$authorities" /etc/ssl/certs/ca-certificates.crt

buildah bud --pull=never --format docker --layers=false --quiet "${volumes[@]}" --build-arg BASE="$base" --tag "$image" .
echo "built $image ($(buildah inspect --type image --format '{{.FromImageID}}' "$image" | cut -c1-12))"
