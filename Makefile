# Everything that a person does with this repository. `make` lists it.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DEMO_INSTALLED := $(VENV)/.installed-demo
FUZZ_INSTALLED := $(VENV)/.installed-fuzz

# A second of each command goes into compiling what it imports, where that is not kept.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# What is installed for the tests is enough for the demo, and what the demo needs is a small part of it.
define install
	@echo "Installing what the $(1) into $(VENV): $(3), once"
	@$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Python 3.11 or later is needed, this is %s" % sys.version'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --disable-pip-version-check --no-compile --editable '.[$(2)]'
endef

$(INSTALLED): pyproject.toml
	$(call install,tests need,test,some gigabytes in some minutes)
	@touch $(DEMO_INSTALLED) $@

$(DEMO_INSTALLED): pyproject.toml
	$(call install,demo needs,demo,half a gigabyte in about a minute)
	@touch $@

# Atheris has no wheel for some platforms; a mutator of our own does without it.
$(FUZZ_INSTALLED): $(INSTALLED)
	@$(BIN)/pip install --disable-pip-version-check --no-compile --editable '.[fuzz]' || echo "atheris cannot be installed here"
	@touch $@

.PHONY: install
install: $(INSTALLED) ## make the virtual environment

.PHONY: tools
tools: ## install the servers and tools that the tests run, where that is allowed
	scripts/test-tools

.PHONY: demo
demo: $(DEMO_INSTALLED) ## see it work: a model service with a story, the exporter, and its alerts (Ctrl-C ends it)
	@$(BIN)/prediction-exporter demo $(ARGS)

.PHONY: lint
lint: $(INSTALLED) ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.PHONY: test
test: tools $(INSTALLED) lint ## run every test
	$(BIN)/pytest -n 4 --dist loadfile --no-loadscope-reorder -m "not e2e" $(ARGS)
	$(BIN)/pytest -n 3 --dist loadgroup -m e2e $(ARGS)

.PHONY: generate
generate: $(INSTALLED) ## render everything that is committed and rendered: schema, rules, dashboards, routes, docs
	$(BIN)/python scripts/generate.py

BENCHMARKS := ingest filters records layouts rows counts files labels joining pairs waiting evaluation performance scrape hanging landing start memory replay rules

.PHONY: bench
bench: tools $(INSTALLED) ## measure the hot paths against their floors
	@set -e; for script in $(BENCHMARKS); do PYTHONPATH=tests $(BIN)/python benchmarks/$$script.py; done

.PHONY: bench-alarms
bench-alarms: $(INSTALLED) ## simulate months without drift and known changes, and rebuild the tables of docs/alarms.md
	PYTHONPATH=benchmarks $(BIN)/python -m alarms $(ARGS)

FUZZ_SECONDS := 600

.PHONY: fuzz
fuzz: $(FUZZ_INSTALLED) ## feed mutated inputs to all that reads them, FUZZ_SECONDS each, and rebuild the table of it
	PYTHONPATH=tests $(BIN)/python scripts/fuzz.py --seconds $(FUZZ_SECONDS) $(ARGS)
	$(BIN)/python scripts/generate.py

.PHONY: soak
soak: tools $(INSTALLED) ## try for an hour that each line counts once, and rebuild the table of it
	PYTHONPATH=tests $(BIN)/python scripts/run_soak.py $(ARGS)
