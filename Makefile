.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
LOCK := requirements/develop.txt

.PHONY: help setup demo test torture lint sql docs bench bench-large lock clean

help:  ## Say what each target does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: .venv/.ready  ## Make the virtual environment in .venv with the locked dependencies and the program

.venv/.ready: $(LOCK) pyproject.toml requirements/runtime.in requirements/declare.py
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCK)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation -e .
	@touch $@

demo: setup  ## Run the main job on a made-up population of 680,880 people
	$(BIN)/cair demo

test: setup  ## Run all tests
	$(BIN)/python -m pytest -n 2

torture: setup  ## Strike workers, databases and lines at every moment, then ROUNDS times at random and in PAYMENTS payments
	CAIR_TORTURE=$(or $(ROUNDS),50) CAIR_PAYMENTS=$(or $(PAYMENTS),20000) $(BIN)/python -m pytest -q -s tests/reliability

lint: setup  ## Format check, linters, types, floors
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

sql: setup  ## Compile the rules to the SQL that the engine runs (after every change of a rule)
	$(BIN)/python -m cair.store.compile

docs: setup  ## Write docs/reference from the code
	$(BIN)/python docs/generate.py

bench: setup  ## Measure P1-P4, P7-P10 with their yardsticks, at 10 k, 100 k and 680,880 people
	$(BIN)/python -m benchmarks

bench-large: setup  ## The same at 5.6 and 20 million people (hours, 60 GB of disk)
	$(BIN)/python -m benchmarks --people 5600000 20000000

lock: setup  ## Choose versions anew and write the lock files
	$(BIN)/uv pip compile --universal --generate-hashes --upgrade --python-version 3.11 --no-header --no-annotate -q requirements/develop.in -o $(LOCK)
	$(BIN)/uv pip compile --universal --generate-hashes --python-version 3.11 --no-header --no-annotate -q -c $(LOCK) requirements/runtime.in -o requirements/runtime.txt

clean:  ## Remove the virtual environment and caches
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
