.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# a venv for developing has all that the demo needs
RUNNABLE := $(if $(wildcard $(VENV)/dev),$(VENV)/dev,$(VENV)/run)

.PHONY: help demo demo-bot serve test test-crash check format lock clean

help:
	@sed -n 's/^## //p' Makefile

## make demo    get a model, review the example (or DIFF=path), show what was found
demo: $(RUNNABLE)
	@$(BIN)/python examples/demo.py $(DIFF)

## make demo-bot  the whole service against a fake GitHub: a pull request, its review, a fix
demo-bot: $(RUNNABLE)
	@$(BIN)/python -m examples.demo_bot

## make serve   run the service on this machine; its settings come from .env or the environment
serve: $(RUNNABLE)
	@$(BIN)/reviewbot $(if $(wildcard .env),--env-file .env) serve

## make test    all tests; everything they need is installed by itself
test: $(VENV)/dev
	$(BIN)/pytest

## make test-crash  kill every part at every step, on both databases (about 6 minutes)
test-crash: $(VENV)/dev
	$(BIN)/pytest --every-crash tests/test_crash.py

## make check   format check, lint, strict types, import contracts
check: $(VENV)/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint deploy/Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml

## make format  write the format that `make check` asks for
format: $(VENV)/dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

## make lock    the newest versions into requirements/, with hashes
lock:
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/pip install --quiet uv
	$(VENV)-lock/bin/uv pip compile $(LOCK) $(EXTRAS) -o requirements/run.txt $(SOURCES)
	$(VENV)-lock/bin/uv pip compile $(LOCK) $(EXTRAS) --group dev -o requirements/dev.txt $(SOURCES)

EXTRAS := --extra analyzers --extra embedded --extra service
LOCK := --quiet --universal --generate-hashes --no-emit-index-url --upgrade --no-header
SOURCES := pyproject.toml requirements/build.in

## make clean   remove what the commands above made; models and kept answers stay
clean:
	rm -rf $(VENV) $(VENV)-lock dist .hypothesis .mypy_cache .pytest_cache .ruff_cache

$(VENV)/run $(VENV)/dev: $(VENV)/%: requirements/%.txt pyproject.toml
	@echo "making a virtual environment in $(VENV) ..."
	$(PYTHON) -m venv $(VENV)
	$(PIP) --require-hashes -r $<
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@
