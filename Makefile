# Every job has one verb. `make` alone lists them.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= $(shell command -v python3.11 || echo python3)
BIN := .venv/bin
UV ?= $(BIN)/uv
STAMP := .venv/.installed
# pytest's workers, two for each core: they wait for servers and for Dagster's processes. Three on two cores left a
# fifth of the CPU idle; the same tests took 578 s by the clock with four, 617 and 710 s with three (2026-11-22).
WORKERS ?= $(shell echo $$(( $$(nproc 2>/dev/null || echo 2) * 2 )))

# uv does not read pip's settings: a mirror and the system's certificates are handed over here.
export UV_SYSTEM_CERTS := 1
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif
# Bytecode is written even when the caller's shell forbids it: Dagster's processes start seconds faster.
unexport PYTHONDONTWRITEBYTECODE
INSTALL := env -u VIRTUAL_ENV -u PYTHONHOME -u PYTHONPATH

.PHONY: help venv demo up test test-production test-fast test-system check audit sbom format bench lock docs docs-reference clean

help: ## List what can be done
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24

venv: $(STAMP) ## Install everything from requirements.lock into .venv

# 1. a plain venv  2. uv, at the version and hash of the lock  3. the lock  4. this project, editable, offline; compiled,
# or each of the first processes compiles it for itself
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if v == (3, 11) else "market-assets needs Python 3.11; $(PYTHON) is %d.%d. Install it, or run: make PYTHON=/path/to/python3.11" % v)'
	@test -x $(BIN)/python || $(INSTALL) $(PYTHON) -m venv .venv
	@awk '/^uv==/ { found = 1 } found { print; if ($$0 !~ /\\$$/) exit }' requirements.lock > .venv/uv.lock
	@echo "Installing $$(grep -cE '^[a-z0-9-]+==' requirements.lock) locked packages into .venv (about a minute)"
	@$(INSTALL) $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r .venv/uv.lock
	@$(INSTALL) $(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes --compile-bytecode requirements.lock
	@$(INSTALL) $(BIN)/uv pip install --quiet --python $(BIN)/python --offline --no-deps --no-build-isolation -e .
	@$(INSTALL) $(BIN)/python -m compileall -q -j 0 market_assets sensors
	@touch $@

demo: venv ## Simulated exchanges, first days of data, Dagster UI on 127.0.0.1:3000
	$(BIN)/market-assets demo

up: venv ## The same on the live venues
	$(BIN)/market-assets up

test: venv ## All tests of the platform on this machine (browser included)
	@scripts/install-system-packages.sh chromium
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup -m "not production" --ignore=tests/bigquery --ignore=tests/deploy

# Three groups hold nearly all of it, each on one worker: two emulators and one Postgres.
test-production: venv test-system ## The tests of BigQuery (on an emulator), Postgres and containers
	$(BIN)/pytest -n 3 --dist loadgroup -m production

# They compute and do not wait: a worker for each core. What is not to run is not even collected.
test-fast: venv ## The tests that need no exchange, warehouse, browser or second process
	$(BIN)/pytest -n auto --dist loadgroup -m "not slow and not browser" \
	  --ignore=tests/end_to_end --ignore=tests/bigquery --ignore=tests/deploy --ignore=tests/marts

test-system: venv
	@scripts/install-system-packages.sh chromium postgresql caddy
	@UV=$(UV) scripts/install-bigquery-emulator.sh

check: venv ## Lint, format, types, layers, shell scripts, licences, known vulnerabilities
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	git ls-files -z '*.sh' | xargs -0 $(BIN)/shellcheck
	$(BIN)/python scripts/check_licences.py deploy/requirements.lock
	$(BIN)/python scripts/audit_dependencies.py requirements.lock deploy/requirements.lock

audit: venv ## Known vulnerabilities of what is locked; fails where nobody can be asked (CI, releases)
	$(BIN)/python scripts/audit_dependencies.py --required requirements.lock deploy/requirements.lock

sbom: venv ## What the image brings, with every hash, as CycloneDX: build/sbom.json
	@mkdir -p build
	$(BIN)/cyclonedx-py requirements deploy/requirements.lock --pyproject pyproject.toml \
	  --output-reproducible --of JSON -o build/sbom.json

format: venv ## Fix what ruff can fix
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: venv ## Run the benchmarks
	$(BIN)/python -m bench

docs-reference: venv ## Write docs/reference and the dbt sources from the code
	$(BIN)/python scripts/generate_settings_reference.py
	$(BIN)/python scripts/generate_assets_reference.py
	$(BIN)/python scripts/generate_rooms_reference.py
	$(BIN)/python scripts/generate_checks_reference.py
	$(BIN)/python scripts/generate_alerts_reference.py
	$(BIN)/python scripts/generate_metrics_reference.py
	$(BIN)/python scripts/generate_cli_reference.py
	$(BIN)/python scripts/generate_tables_reference.py
	$(BIN)/python scripts/generate_engines_reference.py
	$(BIN)/python scripts/generate_dbt_sources.py
	$(BIN)/python scripts/generate_cost_table.py
	$(BIN)/python scripts/generate_scale_table.py

docs: venv ## The documentation as a site, in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

# --no-config, --no-emit-*: the same file on every machine, whatever its mirror.
# rfc3987-syntax, which only the SBOM's tool asks for, costs every process that imports jsonschema (dbt, Great Expectations)
# 1.8 s: it compiles a grammar when it is imported (2026-11-21). jsonschema does without it.
lock: ## Resolve pyproject.toml into requirements.lock (UV=/path/to/uv when there is no .venv)
	@command -v $(UV) >/dev/null || { echo "make lock needs uv: run 'make venv' first, or: make lock UV=/path/to/uv"; exit 1; }
	@UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) pip compile pyproject.toml --all-extras --python-version 3.11 \
	  --override <(echo "rfc3987-syntax; python_version < '3'") --universal --generate-hashes --no-config --no-emit-index-url --no-emit-find-links \
	  --output-file requirements.lock --quiet
	@UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) pip compile tests/bigquery/emulator/requirements.in \
	  --python-version 3.13 --universal --generate-hashes --no-config --no-emit-index-url \
	  --no-emit-find-links --output-file tests/bigquery/emulator/requirements.lock --quiet
	@UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) pip compile pyproject.toml --extra kubernetes --python-version 3.11 \
	  --python-platform linux --constraint requirements.lock --generate-hashes --no-config --no-annotate \
	  --no-emit-index-url --no-emit-find-links --output-file deploy/requirements.lock --quiet

clean: ## Remove .venv and .venv-bigquery, caches and builds; data in .state stays
	rm -rf .venv .venv-bigquery build dist site *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './.git/*' -not -path './.state/*' -prune -exec rm -rf {} +
