# `make study` runs the quick study, `make test` the tests; each sets up .venv first.

PYTHON ?= python3
CORES ?= all
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TEST_READY := $(VENV)/.ready-for-tests
# Not compiled at once: Python compiles a module when it first imports it, and keeps that. Of the
# fourteen thousand that come along most are never imported.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt

# The study is some sixty processes, the tests are hundreds: each would compile all modules again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help study full test tests test-fast lint format hooks docs dist venv clean

help:
	@echo "make study      the quick study: every table and figure, minutes on two cores"
	@echo "make full       the thesis's full study (wants a CUDA device)"
	@echo "make test       lint and all tests"
	@echo "make test-fast  the tests that take seconds"
	@echo "make lint       style of code and docstrings, types (seconds, from the second time on)"
	@echo "make format     put code into that style"
	@echo "make hooks      let git lint what is committed"
	@echo "make docs       the documentation as a site: build/site/html/index.html"
	@echo "make dist       the package to publish, checked: dist/"
	@echo "make venv       set up $(VENV) only, with what the study needs"
	@echo "make clean      delete $(VENV) and the quick study's results"

study: $(READY)
	$(BIN)/snakemake --cores $(CORES) --configfile config/quick.yaml --quiet rules reason host
	@echo "What it found: results/quick/index.html"

full: $(READY)
	$(BIN)/snakemake --cores $(CORES) --resources gpu=1

# Side by side: at first mypy reads all of torch, on one core.
test: $(TEST_READY)
	$(MAKE) --no-print-directory --jobs=2 lint tests

tests: $(TEST_READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-fast: $(TEST_READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow"

lint: $(TEST_READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/mypy

format: $(TEST_READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow/rules

hooks: $(TEST_READY)
	$(BIN)/pre-commit install

docs: $(READY)
	$(INSTALL) --editable '.[docs]'
	$(BIN)/python docs/site/build.py

dist: $(TEST_READY)
	rm -rf dist
	$(BIN)/python -m build --no-isolation
	$(BIN)/python -m twine check --strict dist/*

venv: $(READY)

# pip first: the one that Python brings takes twice as long to find 150 versions.
# torch next and by its exact version: a range could take another build.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ckstudy needs Python 3.11 or newer; set PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --upgrade pip
	$(INSTALL) torch==2.13.0
	$(INSTALL) --editable '.[workflow]'
	touch $@

$(TEST_READY): $(READY)
	$(INSTALL) --editable '.[workflow,test]'
	touch $@

clean:
	rm -rf $(VENV) results/quick
