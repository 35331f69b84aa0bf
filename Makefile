.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3

.PHONY: help check test format lock

help:
	@sed -n 's/^## //p' Makefile

$(VENV)/dev: requirements/dev.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

## make check   format check, lint, strict types, import contracts
check: $(VENV)/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

## make test    all tests; everything they need is installed by itself
test: $(VENV)/dev
	$(BIN)/pytest

## make format  write the format that `make check` asks for
format: $(VENV)/dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

## make lock    newest versions into requirements/, with hashes
lock: $(VENV)/dev
	$(PYTHON) -m venv $(VENV)/uv && $(VENV)/uv/bin/pip install --quiet uv
	$(VENV)/uv/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --upgrade --no-header --extra embedded -o requirements/run.txt pyproject.toml requirements/build.in
	$(VENV)/uv/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --upgrade --no-header --extra embedded --group dev -o requirements/dev.txt pyproject.toml requirements/build.in
