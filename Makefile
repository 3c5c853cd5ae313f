# `make demo` and `make test` are the README's two commands; the rest is for developers.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: demo test quick lint clean

demo: $(VENV)/installed
	$(BIN)/ae-zoo demo --output-dir demo

test: lint
	$(BIN)/python -m pytest

# The fast tests alone: under two minutes on two cores.
quick: $(VENV)/installed
	$(BIN)/python -m pytest -m "not slow"

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
