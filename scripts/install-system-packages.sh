#!/usr/bin/env bash
# install-system-packages.sh [chromium] [postgresql] [caddy]
# What the tests start that pip cannot bring: Chromium for the browser tests; PostgreSQL and Caddy for the
# tests of deploy/. Debian's packages when this is root on Debian or Ubuntu; otherwise it says what to run and
# goes on, so that all the other tests still get their turn. No service of the system is left running.
set -euo pipefail

has() {
    command -v "$1" >/dev/null
}

there() {
    case "$1" in
        chromium) has chromium || has chromium-browser || has google-chrome ;;
        postgresql) compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || has initdb ;;
        *) has "$1" ;;
    esac
}

wanted=()
for package in "$@"; do
    there "$package" || wanted+=("$package")
done
if [ ${#wanted[@]} -eq 0 ]; then
    exit 0
fi

explain() {
    echo "${wanted[*]} missing and $1: tests of the browser (chromium) and of deploy/ (the others) will fail." >&2
    echo "  -> Run: $2" >&2
}

if ! has apt-get; then
    explain "this system has no apt-get" "your system's package manager, to install ${wanted[*]}"
elif [ "$(id -u)" -ne 0 ]; then
    explain "this user may not install packages" "sudo apt-get install --yes ${wanted[*]}"
else
    echo "Installing Debian's ${wanted[*]} for the tests"
    export DEBIAN_FRONTEND=noninteractive
    # Debian would make a cluster of its own and start it; the tests make theirs.
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        mkdir -p /etc/postgresql-common
        echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
    fi
    # RUNLEVEL: package scripts start no service.
    export RUNLEVEL=1
    if ! { apt-get update --quiet=2 && apt-get install --quiet=2 --yes --no-install-recommends \
        -o Dpkg::Options::=--force-confold "${wanted[@]}" >/dev/null; }; then
        explain "apt-get could not install it" "apt-get install ${wanted[*]}, to see why"
    fi
fi
