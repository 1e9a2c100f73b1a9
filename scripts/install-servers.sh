#!/usr/bin/env bash
# PostgreSQL and Caddy, which the tests of deploy/ start for themselves: Dagster's storage and the door in
# front of it. Debian's packages; no service of the system is left running.
set -euo pipefail

wanted=()
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null || wanted+=(postgresql)
command -v caddy >/dev/null || wanted+=(caddy)
if [ ${#wanted[@]} -eq 0 ]; then
    exit 0
fi

explain() {
    echo "${wanted[*]} missing and $1: tests of deploy/ will fail." >&2
    echo "  -> Run: $2" >&2
}

if ! command -v apt-get >/dev/null; then
    explain "this system has no apt-get" "your system's package manager, to install ${wanted[*]}"
elif [ "$(id -u)" -ne 0 ]; then
    explain "this user may not install packages" "sudo apt-get install --yes ${wanted[*]}"
else
    echo "Installing Debian's ${wanted[*]} for the tests of deploy/"
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
