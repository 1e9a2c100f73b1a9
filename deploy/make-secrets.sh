#!/usr/bin/env bash
# The passwords of compose.yaml: one of Postgres that nobody needs to know, one for a person's login that is
# shown once. What is there is never overwritten; a further name is a further login.
#
#   deploy/make-secrets.sh alice
set -euo pipefail
folder=${SECRETS_FOLDER:-$(dirname "${BASH_SOURCE[0]}")/secrets}
proxy_image=caddy:2.10.2-alpine

name=${1:-}
if [[ ! "$name" =~ ^[A-Za-z0-9._@-]+$ ]]; then
    echo "Whose login? deploy/make-secrets.sh alice" >&2
    exit 2
fi

mkdir -p "$folder"
# Others of this machine cannot enter the folder. The files themselves are readable, because compose
# shows them as they are to the users that containers run as.
chmod 700 "$folder"

random() { # 32 characters, 190 bits
    head -c 512 /dev/urandom | base64 | tr -dc 'A-Za-z0-9' | head -c 32
}

hash_of() {
    if command -v caddy >/dev/null; then
        caddy hash-password
    else
        docker run --rm --interactive "$proxy_image" caddy hash-password
    fi
}

if [ ! -s "$folder/dagster_postgres_password" ]; then
    random >"$folder/dagster_postgres_password"
    chmod 444 "$folder/dagster_postgres_password"
fi

users="$folder/ui_users"
if [ -f "$users" ] && awk -v name="$name" '$1 == name { found = 1 } END { exit !found }' "$users"; then
    echo "$name has a login already. To change it, remove the line from $users first." >&2
    exit 2
fi
password=$(random)
# By a pipe: what stands in a command line, others of this machine can read.
hash=$(printf '%s\n' "$password" | hash_of)
[ ! -f "$users" ] || chmod 644 "$users"
printf '%s %s\n' "$name" "$hash" >>"$users"
chmod 444 "$users"
echo "$name: $password"
echo "Written nowhere else. After a restart of the proxy it holds: docker compose restart proxy" >&2
