# Two commands for a bare clone: `make run` and `make test`. `make check` is the quick half of the tests, for every
# commit; `make soak` kills what runs, again and again; `make bench` measures; `make gpu` tries on a CUDA card what runs on
# one, `make gpu-dry` the same on the CPU; `make docs` builds the site, `make pictures` its pictures; `make pythons` tries every
# Python.

# Options for pip's installation of torch alone, to choose a build: PIP_TORCH="--index-url ..."
PIP_TORCH ?=
# The first of these that is here, unless PYTHON says another: PYTHON=python3.12 make env
PYTHONS ?= 3.11 3.12 3.13
PYTHON ?= $(firstword $(foreach version,$(PYTHONS),$(shell command -v python$(version))) python3)
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
PYTEST := $(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

.PHONY: run test check style soak bench gpu gpu-dry docs pictures env pythons

run: env
	$(BIN)/lamp run --data procedural --profile quick

test: style
	$(PYTEST)

# Style, types and the unit tests that are quick: under two minutes on two cores.
check: style
	OMP_NUM_THREADS=1 $(PYTEST) tests/unit tests/test_examples.py -m 'not slow'

style: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

soak: env
	$(BIN)/pytest -m soak

bench: env
	$(BIN)/python -m benchmarks.run

# Verdicts, a table and benchmarks/card.json; status 1 where a check failed, 2 without a card.
gpu: env
	$(BIN)/python -m benchmarks.card

gpu-dry: env
	$(BIN)/python -m benchmarks.card --device cpu

# The documentation site, in site/; it opens without a network.
docs: env
	PYTHONPATH=. NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Pictures of the documentation, of a project that has run: PROJECT=FOLDER make pictures
PROJECT ?= .
pictures: env
	$(BIN)/python docs/make_pictures.py $(PROJECT)

env: $(INSTALLED)

# torch first: what needs it then accepts the build that is there.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "Python 3.11, 3.12 or 3.13 is needed; $(PYTHON) is another version or not here"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt $(PIP_TORCH) torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[pipeline,minilm,video,exports,cluster,docs,dev]'
	@touch $@

# Each Python that is here gets a fresh environment in .venvs/ and runs the unit tests in it.
pythons:
	@for version in $(PYTHONS); do \
		python$$version -c '' 2>/dev/null || { echo "python$$version is not here: left out"; continue; }; \
		rm -rf .venvs/$$version; \
		$(MAKE) env PYTHON=python$$version VENV=.venvs/$$version || exit 1; \
		OMP_NUM_THREADS=1 .venvs/$$version/bin/pytest --numprocesses 2 tests/unit || exit 1; \
	done
