# `make demo` and `make test` do all set-up by themselves and can be repeated.
PYTHON ?= python3
VENV := .venv
BASE := .venv-base
BIN := $(VENV)/bin

OLDEST := .venv-oldest
NEWEST := .venv-newest
MINUTES ?= 60

.PHONY: help demo test lint perf slow soak test-oldest test-newest clean

help:
	@echo "make demo   train every model on the built-in faces, show the leaderboard"
	@echo "make test   run the test suite"
	@echo "make lint   ruff, mypy and import-linter"
	@echo "make perf   measure speed against the targets (minutes)"
	@echo "make slow   the tests that train for minutes"
	@echo "make soak MINUTES=60   damaged files, kills and crowds with new seeds, for so long"
	@echo "make test-oldest, make test-newest   the suite at setup.cfg's lowest versions, and at the newest there are"
	@echo "make clean  remove the environments and caches; runs/ stays"

demo: $(VENV)/demo-ready
	@echo "== Training every model on the built-in faces; what is stored in runs/ is not trained again"
	$(BIN)/python -m benchmark run --all

test: $(VENV)/test-ready $(BASE)/ready
	@echo "== Running the test suite"
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/test-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --config setup.cfg

perf: $(VENV)/test-ready
	$(BIN)/python -m pytest -m perf -s tests/perf

slow: $(VENV)/test-ready
	$(BIN)/python -m pytest -m slow --timeout=3600

soak: $(VENV)/test-ready
	PYTHONPATH=.:tests $(BIN)/python -m soak --minutes $(MINUTES)

# By hand, not in CI. Warnings of old or new libraries are shown and do not fail, also in programs that tests start.
test-oldest: $(OLDEST)/ready
	PYTEST_ADDOPTS="-W default" $(OLDEST)/bin/python -m pytest $(TESTS)

test-newest: $(NEWEST)/ready
	PYTEST_ADDOPTS="-W default" $(NEWEST)/bin/python -m pytest $(TESTS)

# Direct requirements at the lower bounds of setup.cfg; those of theirs at the newest that fit, as pip would take.
$(OLDEST)/ready: setup.cfg
	$(PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/python -m pip install --quiet uv
	$(OLDEST)/bin/uv pip install --python $(OLDEST)/bin/python --resolution lowest-direct --editable '.[dev]'
	@touch $@

$(NEWEST)/ready: setup.cfg
	$(PYTHON) -m venv $(NEWEST)
	$(NEWEST)/bin/python -m pip install --quiet --upgrade --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) $(BASE) $(OLDEST) $(NEWEST) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

# An editable install: the packages are used from this directory.
$(VENV)/demo-ready: setup.cfg constraints.txt
	@echo "== Installing pinned requirements into $(VENV) (once; about 1 GB)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[train]'
	@touch $@

# What is left without `train`: a test runs the commands on stored predictions there.
$(BASE)/ready: setup.cfg constraints.txt
	@echo "== Installing the requirements without Keras and TensorFlow into $(BASE) (once)"
	$(PYTHON) -m venv $(BASE)
	$(BASE)/bin/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/test-ready: $(VENV)/demo-ready
	@echo "== Installing the test tools into $(VENV) (once)"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@
