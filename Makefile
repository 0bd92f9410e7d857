# Two commands for a bare clone: `make run` and `make test`. `make soak` kills what runs, again and again;
# `make bench` measures.

# Options for pip's installation of torch alone, to choose a build: PIP_TORCH="--index-url ..."
PIP_TORCH ?=
PYTHON := $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
INSTALLED := .venv/installed

.PHONY: run test soak bench env

run: env
	$(BIN)/lamp run --data procedural --profile quick

test: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

soak: env
	$(BIN)/pytest -m soak

bench: env
	$(BIN)/python -m benchmarks.run

env: $(INSTALLED)

# torch first: what needs it then accepts the build that is there.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
		{ echo "Python 3.11 is needed; $(PYTHON) is another version"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt $(PIP_TORCH) torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[minilm,video,cluster,dev]'
	@touch $@
