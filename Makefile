# `make demo` and `make test` are the README's two commands; the rest is for developers.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: demo test quick fuzz bench docs lint clean

demo: $(VENV)/installed
	$(BIN)/ae-zoo demo --output-dir demo

test: lint
	$(BIN)/python -m pytest

# The fast tests alone: two minutes on two cores.
quick: $(VENV)/installed
	$(BIN)/python -m pytest -m "not slow"

# Damaged and crafted input, a minute in all; for an hour: make fuzz FUZZ_MINUTES=60
# Another FUZZ_SEED tries other cases.
FUZZ_MINUTES ?= 1
FUZZ_SEED ?= 0
fuzz: $(VENV)/installed
	AE_ZOO_FUZZ_MINUTES=$(FUZZ_MINUTES) AE_ZOO_FUZZ_SEED=$(FUZZ_SEED) \
	$(BIN)/python -m pytest -n 0 tests/fuzz

# All tables in less than 20 minutes on two idle cores, with few rounds. Peers that are
# not installed are left out; $(BIN)/pip install '.[bench]' installs them. JSON and
# pictures go to runs/benchmarks.
BENCH = $(BIN)/python benchmarks
bench: $(VENV)/installed
	$(BENCH)/training.py --rounds 2 --rows 1000 10000 --seconds 1 --minutes 7
	$(BENCH)/penalties.py --rounds 1 --units 30 1000
	$(BENCH)/startup.py --rounds 3
	$(BENCH)/inference.py deep_mnist --rounds 2 --batch-sizes 1
	$(BENCH)/input.py --rounds 1
	$(BENCH)/memory.py --rounds 1
	$(BENCH)/cost.py --quick
	$(BENCH)/scaling.py --rounds 1

# The documentation site, in build/site. No server is needed to read it.
docs: $(VENV)/installed
	$(BIN)/python docs/build_site.py

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/installed: setup.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@

clean:
	rm -rf $(VENV) build dist demo *.egg-info
