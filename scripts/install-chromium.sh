#!/usr/bin/env bash
# Browser tests drive the system's Chromium. Install it when it is absent and this is root on Debian or
# Ubuntu; otherwise say what to run and go on, so that all the other tests still get their turn.
set -euo pipefail

for browser in chromium chromium-browser google-chrome; do
    if command -v "$browser" >/dev/null; then
        exit 0
    fi
done

explain() {
    echo "Chromium is missing and $1: browser tests cannot run here." >&2
    echo "  -> Run: $2" >&2
}

if ! command -v apt-get >/dev/null; then
    explain "this system has no apt-get" "your system's package manager, to install chromium"
elif [ "$(id -u)" -ne 0 ]; then
    explain "this user may not install packages" "sudo apt-get install --yes chromium"
else
    echo "Installing Debian's chromium for the browser tests"
    export DEBIAN_FRONTEND=noninteractive
    if ! { apt-get update --quiet=2 && apt-get install --quiet=2 --yes --no-install-recommends chromium >/dev/null; }; then
        explain "apt-get could not install it" "apt-get install chromium, to see why"
    fi
fi
