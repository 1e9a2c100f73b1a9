#!/usr/bin/env bash
# The environment of the BigQuery emulator and of Google's SQL analyser, for tests only: Python 3.13 under
# .venv-bigquery, from tests/bigquery/emulator/requirements.lock. Nothing is done when it is there already.
# Unlike a missing browser, a missing emulator is an error: the tests of an engine would prove nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

lock=tests/bigquery/emulator/requirements.lock
folder=.venv-bigquery
stamp=$folder/installed
uv=${UV:-.venv/bin/uv}

wanted=$(sha256sum "$lock" | cut -d ' ' -f 1)
if [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
    exit 0
fi

# pyenv leaves a python3.13 on PATH that only says that it is not chosen: each candidate is run.
find_python() {
    local candidate
    for candidate in "$(command -v python3.13 || true)" \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13*/bin/python3.13; do
        if [ -x "$candidate" ] && "$candidate" -c 'import sys, venv; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    "$uv" python find --managed-python 3.13 2>/dev/null && return
    "$uv" python install --quiet 3.13 >&2 && "$uv" python find --managed-python 3.13
}

if ! command -v "$uv" >/dev/null; then
    echo "The BigQuery emulator is installed by uv, and there is none at '$uv'." >&2
    echo "  -> Run: make venv   (or: make test-system UV=/path/to/uv)" >&2
    exit 1
fi
if ! python=$(find_python); then
    echo "The BigQuery emulator needs Python 3.13, which is neither on PATH nor under ~/.pyenv, and uv could" >&2
    echo "not download it. Without it the tests of the BigQuery engine fail; they are not skipped." >&2
    echo "  -> Run one of: apt-get install python3.13-venv | pyenv install 3.13 | uv python install 3.13" >&2
    exit 1
fi

echo "Installing the BigQuery emulator into $folder ($(grep -cE '^[a-z0-9-]+==' "$lock") locked packages, about a minute)"
clean=(env -u VIRTUAL_ENV -u PYTHONHOME -u PYTHONPATH -u PYTHONDONTWRITEBYTECODE)
rm -f "$stamp"
"${clean[@]}" "$uv" venv --quiet --clear --python "$python" "$folder"
"${clean[@]}" "$uv" pip sync --quiet --python "$folder/bin/python" --require-hashes --compile-bytecode "$lock"
"${clean[@]}" "$folder/bin/python" tests/bigquery/emulator/prepare.py "$folder"
# The analyser's WebAssembly becomes machine code at its first use on a machine: a minute of CPU.
"${clean[@]}" "$folder/bin/python" tests/bigquery/googlesql/analyse.py </dev/null >/dev/null
echo "$wanted" >"$stamp"
