# Developer targets. `make` alone prints them. The data pipeline is in lib/afs/pipeline.mk.
# GNU make 3.81 and bash 3.2 suffice; every recipe that is more than one command says `set -euo pipefail`.

MAKEFLAGS += --warn-undefined-variables --no-builtin-rules
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

include lib/afs/pipeline.mk

AFS_VENV ?= .venv
CONFIRM ?=
afs := scripts/afs
tools := $(AFS_VENV)/bin

bats = AFS_TEST_PYTHON_BIN='$(abspath $(tools))' $(tools)/bats tests/bats

# Programs have no suffix, so the first line says what they are. Linters that are handed a folder would
# pass over them and be green.
programs := $(filter-out scripts/__pycache__,$(wildcard bin/afs-* scripts/*))
hash := \#
python_programs = $(shell grep -lE '^$(hash)!.*python' $(programs))
bash_programs = $(shell grep -lE '^$(hash)!.*bash' $(programs))
data_folders := distillation_data generated_data training_data benchmark_results models data benchmarks

.PHONY: help venv check lint types test test-all bench man readme man-check clean clean-data

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' lib/afs/pipeline.mk Makefile

# --- The environment: made once, and again when its description changes ---------------------------------

made_from := pyproject.toml $(wildcard constraints.txt) scripts/afs-venv

$(AFS_VENV)/.base: $(made_from)
	@scripts/afs-venv
	@touch $@

$(AFS_VENV)/.dev: $(made_from)
	@AFS_VENV_EXTRAS=dev scripts/afs-venv
	@touch $@ $(AFS_VENV)/.base

$(AFS_VENV)/.all: $(made_from)
	@AFS_VENV_EXTRAS=dev,hf,accel scripts/afs-venv
	@touch $@ $(AFS_VENV)/.dev $(AFS_VENV)/.base

pipeline: $(AFS_VENV)/.base

venv: ## make or mend the virtual environment (AFS_VENV_EXTRAS=dev,hf,accel for more than the base)
	@scripts/afs-venv

# --- Checks ---------------------------------------------------------------------------------------------

check: lint types man-check test ## everything that must hold before a commit

lint: $(AFS_VENV)/.dev ## ruff and shellcheck, programs without a suffix too
	$(tools)/ruff check --quiet lib tests $(python_programs)
	$(tools)/ruff format --quiet --check lib tests $(python_programs)
	$(tools)/shellcheck $(bash_programs) $(wildcard tests/bats/*.bash examples/*.sh)

types: $(AFS_VENV)/.dev ## mypy, programs without a suffix too
	$(tools)/mypy lib $(python_programs)

# Both halves at once, because each keeps one core busy; the first half's report comes when both are done.
define tests
set -euo pipefail; said=$$(mktemp); \
$(tools)/python3 -m pytest -q $(1) >"$$said" 2>&1 & half=$$!; \
trap 'kill $$half 2>/dev/null || true; rm -f "$$said"' EXIT; \
status=0; $(bats) || status=$$?; \
wait $$half || status=$$?; half=; \
cat "$$said"; [ $$status -eq 0 ]
endef

test: $(AFS_VENV)/.dev ## all tests that need the base and dev packages alone; what was skipped is named
	@$(call tests,-m 'not slow'); \
	echo 'skipped: tests marked slow (more packages, or minutes); make test-all runs them'

test-all: $(AFS_VENV)/.all ## all tests, with hyperscan, the loaders of other projects and those that take minutes
	@$(call tests,)

bench: $(AFS_VENV)/.dev ## our figures beside peers on the same input, as ratios
	@set -euo pipefail; status=0; \
	for program in tests/bench/bench_*.py; do $(tools)/python3 $$program || status=$$?; done; \
	exit $$status

# --- Generated files ------------------------------------------------------------------------------------

man: $(AFS_VENV)/.base ## docs/man from the commands
	@$(tools)/python3 scripts/gen-docs man

readme: $(AFS_VENV)/.base ## the table of commands in README.md
	@$(tools)/python3 scripts/gen-docs readme

man-check: $(AFS_VENV)/.base ## whether man pages and README are what the commands say
	@$(tools)/python3 scripts/gen-docs --check

# --- Cleaning -------------------------------------------------------------------------------------------

clean: ## remove what tools left; never data, never the environment
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage* lib/*.egg-info
	find $(wildcard bin lib scripts tests) -name __pycache__ -type d -prune -exec rm -rf {} +

clean-data: ## remove generated data by name: make clean-data CONFIRM=training_data
ifneq ($(filter $(data_folders),$(CONFIRM)),)
	rm -rf $(filter $(data_folders),$(CONFIRM))
else
	@set -euo pipefail; \
	for folder in $(data_folders); do if [ -d $$folder ]; then du -sh $$folder; fi; done; \
	echo 'nothing removed; name a folder, as in: make clean-data CONFIRM=training_data' >&2; \
	exit 2
endif
