# The same on a desk and in CI. `make PYTHON=python3.12 ...` chooses another interpreter.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DELETE_ON_ERROR:
.PHONY: install run test lint bench

install: $(STAMP)

$(STAMP): setup.cfg pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-input --disable-pip-version-check --editable '.[dev]'
	touch $(STAMP)

run: install
	$(BIN)/python run_server.py serve --demo

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The migrations' way up, down and up again is one of the tests.
test: lint
	PYTHONASYNCIODEBUG=1 $(BIN)/python -m pytest -q tests/events tests/handlers/delivery
	$(BIN)/python -m pytest

# As root, for a network of its own; `make bench ARGS=--quick` for a first look.
bench: install
	$(BIN)/python -m pip install --quiet --no-input --disable-pip-version-check --editable '.[bench]'
	$(BIN)/python -m benchmarks $(ARGS)
