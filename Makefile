# Everything that a person does with this repository. `make` lists it.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: help
help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(INSTALLED): pyproject.toml
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Python 3.11 or later is needed, this is %s" % sys.version'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

.PHONY: install
install: $(INSTALLED) ## make the virtual environment

.PHONY: tools
tools: ## install the servers and tools that the tests run, where that is allowed
	scripts/test-tools

.PHONY: demo
demo: $(INSTALLED) ## see it work: a model service with a story, the exporter, and its alerts (Ctrl-C ends it)
	@$(BIN)/prediction-exporter demo $(ARGS)

.PHONY: lint
lint: $(INSTALLED) ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.PHONY: test
test: tools $(INSTALLED) lint ## run every test
	$(BIN)/pytest -n auto --dist loadfile -m "not e2e" $(ARGS)
	$(BIN)/pytest -n 2 -m e2e $(ARGS)

.PHONY: generate
generate: $(INSTALLED) ## render everything that is committed and rendered: schema, rules, dashboards, routes, docs
	$(BIN)/python scripts/generate.py

BENCHMARKS := ingest rows counts files evaluation scrape landing start memory

.PHONY: bench
bench: tools $(INSTALLED) ## measure the hot paths against their floors
	@set -e; for script in $(BENCHMARKS); do PYTHONPATH=tests $(BIN)/python benchmarks/$$script.py; done
