# Everything runs in .venv; a fresh machine needs Python 3.11 and nothing else.
PYTHON ?= python3.11
BIN := .venv/bin
.PHONY: demo test test-all ui bench lint clean

demo: .venv/run
	$(BIN)/fusion demo

# What is fast; PYTEST gives further options.
test: .venv/test
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder -m "not slow and not real" $(PYTEST)

test-all: .venv/test
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(PYTEST)

ui: .venv/run
	$(BIN)/fusion ui

bench: .venv/bench
	$(BIN)/python -m benchmarks

lint: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Each stamp is newer than the files that say what to install.
.venv/python:
	$(PYTHON) -m venv .venv
	touch $@

.venv/run: .venv/python pyproject.toml constraints.txt
	@echo "installing some 130 packages, about 2 GB, into .venv: 2 to 4 minutes, once"
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[ui]'
	touch $@

.venv/test: .venv/run
	@echo "installing what tests need into .venv: about a minute, once"
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@# Each of its versions asks for one of Dagster's alone, which may be the one before ours.
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps dagster-postgres psycopg2-binary
	touch $@

.venv/bench: .venv/test
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	touch $@

clean:
	rm -rf .venv build data demo-archive .dagster
