# `make playground` starts the bot in a simulated Discord, `make test` runs the tests. Both install what they need.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# PyTorch's CPU builds, a tenth of the size of the CUDA builds.
TORCH_CPU_INDEX ?= https://download.pytorch.org/whl/cpu
# Number of test processes. With more cores, run `make WORKERS=4 test`.
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest -n $(WORKERS)
SMOLLM2 := build/smollm2
MAKE_SMOLLM2 := ../shared/models/smollm2.py
TORCH := $(shell grep '^torch==' constraints.txt)

.PHONY: playground run doctor install test test-slow test-vllm test-all test-nightly coverage test-reference check format train bench bench-peers bench-load \
	architectures clean reference docs lock upgrade package

playground: $(INSTALLED)
	@$(BIN)/python -m bot playground

run: $(INSTALLED)
	@$(BIN)/python -m bot run

doctor: $(INSTALLED)
	@$(BIN)/python -m bot doctor

install: $(INSTALLED)

test: $(INSTALLED)
	@$(PYTEST) --dist worksteal -m "not slow"

# The tests with a real model need one, whose script may be there; without it they are skipped.
test-slow: $(INSTALLED)
	@[ -e $(SMOLLM2)/config.json ] || [ ! -e $(MAKE_SMOLLM2) ] || $(BIN)/python $(MAKE_SMOLLM2) $(SMOLLM2) float32 || true
	@$(PYTEST) --dist loadgroup --maxschedchunk 1 -m "slow and not vllm"

# Install vLLM in build/, compare the engine over it with plain transformers, and print the equality table.
test-vllm: $(INSTALLED)
	@$(BIN)/python -m benchmarks.peer_environment
	@$(BIN)/python -m pytest -m vllm

test-all: $(INSTALLED)
	@$(MAKE) --no-print-directory coverage
	@$(MAKE) --no-print-directory test-slow

coverage: $(INSTALLED)
	@$(PYTEST) --dist worksteal -m "not slow" --cov --cov-report term:skip-covered

test-nightly: $(INSTALLED)
	@$(PYTEST) --dist loadgroup --maxschedchunk 1 --hypothesis-profile random -m "not vllm"

test-reference: $(INSTALLED)
	@$(BIN)/python -m pytest -m reference

check: $(INSTALLED)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(INSTALLED)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

train: $(INSTALLED)
	@$(BIN)/python -m training

bench: $(INSTALLED)
	@$(BIN)/python -m benchmarks

bench-peers: $(INSTALLED)
	@$(BIN)/python -m benchmarks --peers

bench-load: $(INSTALLED)
	@$(BIN)/python -m benchmarks.load

architectures: $(INSTALLED)
	@$(BIN)/python -m benchmarks.architectures

# Generate the reference pages from the code.
reference: $(INSTALLED)
	@$(BIN)/python -m tools.reference

# Build the site in build/site. Internal links are checked, external links are listed.
docs: $(INSTALLED) $(VENV)/.docs reference
	@$(BIN)/python -m tools.links
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "The site is in build/site: open build/site/index.html"

# Update constraints.txt: `lock` adds new requirements of pyproject.toml, `upgrade` also moves to the newest versions.
lock: $(INSTALLED)
	@$(BIN)/python -m tools.lock

upgrade: $(INSTALLED)
	@$(BIN)/python -m tools.lock --upgrade

# Build the wheel and the sdist, install each in a new environment, and try it.
package: $(INSTALLED)
	@TORCH_CPU_INDEX=$(TORCH_CPU_INDEX) $(BIN)/python -m tools.package

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage*

$(INSTALLED): pyproject.toml constraints.txt Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@# On Linux without an NVIDIA GPU, install the CPU build first. This step gives up at once if there is none.
	@if [ "$$(uname -s)" = Linux ] && ! command -v nvidia-smi >/dev/null; then \
		echo "Installing $(TORCH) for the CPU …"; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --retries 0 --timeout 15 --no-deps \
			--index-url $(TORCH_CPU_INDEX) $(TORCH) 2>/dev/null || echo "No CPU build available, installing the default build."; \
	fi
	@echo "Installing the packages …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

$(VENV)/.docs: $(INSTALLED)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[docs]'
	@touch $@
