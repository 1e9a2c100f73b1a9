#!/bin/sh
# What every container does first: secrets from files into variables, Dagster's settings into its home,
# the parsed dbt project into the state folder. Then it becomes the program that was asked for.
set -eu

# /run/secrets/slack_url -> MARKET_ASSETS_SECRET_SLACK_URL, unless the variable is set already.
for file in "${SECRETS_FOLDER:-/run/secrets}"/*; do
    [ -f "$file" ] || continue
    variable="MARKET_ASSETS_SECRET_$(basename "$file" | tr 'a-z.-' 'A-Z__')"
    case "$variable" in
        *[!A-Z0-9_]*)
            echo "The secret's file $file: names are letters, digits and _ only" >&2
            exit 2
            ;;
    esac
    # printenv and not eval: what stands in a file never becomes a command.
    if ! printenv "$variable" >/dev/null; then
        export "$variable=$(cat "$file")"
    fi
done

state="${MARKET_ASSETS_STATE_DIR:-/state}"
parsed="${PARSED_FOLDER:-/opt/parsed}/dbt"
if [ -d "$parsed" ] && [ ! -e "$state/dbt" ]; then
    # Kept times tell a fresh manifest from a stale one. Two containers at once: the first one wins.
    draft="$state/.dbt.$$.$(hostname)"
    cp -Rp "$parsed" "$draft"
    mv -T "$draft" "$state/dbt" 2>/dev/null || rm -rf "$draft"
fi

# In Kubernetes the chart says how Dagster is set up: it mounts a dagster.yaml where nobody can write, and
# into the code server none at all, whose file system is read-only: there is nothing to be written there.
if [ -z "${KUBERNETES_SERVICE_HOST:-}" ]; then
    python -m market_assets.stack.dagster_home "$DAGSTER_HOME" >/dev/null
fi
exec "$@"
