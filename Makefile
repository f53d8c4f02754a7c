# Each target is at most three lines that a person could type. OULAD_DATA, DATABASE_URL and the other settings pass through.
PYTHON ?= python3
BIN := .venv/bin
COMPILE := uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-annotate --no-header pyproject.toml
export DAGSTER_HOME := $(CURDIR)
export OMP_WAIT_POLICY := PASSIVE

.PHONY: run test reliability ui verify verify-postgres doctor constraints

run: .venv/installed
	$(BIN)/oulad run

test: .venv/installed
	$(BIN)/ruff format --check . && $(BIN)/ruff check .
	$(BIN)/mypy && $(BIN)/python -m pip check
	$(BIN)/pytest -n 2 --dist loadfile

reliability: .venv/installed
	$(BIN)/python -m pytest -n 2 --dist loadfile -p oulad_platform_tests.reliability --reliability docs/reliability.md

ui: .venv/installed
	$(BIN)/dagster dev -w workspace.yaml -h 127.0.0.1

verify verify-postgres: .venv/installed
	$(BIN)/oulad verify

doctor: .venv/installed
	$(BIN)/oulad doctor

.venv/installed: constraints.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --require-hashes -r constraints.txt && $(BIN)/python -m pip install -q --no-deps -e .
	touch $@

constraints:
	$(COMPILE) --extra dev -o constraints.txt
	$(COMPILE) --extra mysql --extra webhooks -c constraints.txt -o deploy/constraints.txt
