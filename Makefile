# Every task of the project: `make help`.
# Needs git, make and Python 3.11 or 3.12; all else is installed into .venv from requirements.lock, as wheels, by hash.

PYTHON ?=
PORT ?=
JOBS ?= 2
UV ?= uv
BIN := .venv/bin
INSTALLED := .venv/.installed
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help install serve test check format golden bench lock clean

help: ## list the tasks
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## make .venv and install what the lock names

$(INSTALLED): requirements.lock pyproject.toml
	@set -eu; \
	supported='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))'; \
	if ! $(BIN)/python -c "$$supported" 2>/dev/null; then \
	  found=''; \
	  for each in $(or $(PYTHON),python3.11 python3.12 python3 python); do \
	    if $$each -c "$$supported" 2>/dev/null; then found=$$each; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "mizalla needs Python 3.11 or 3.12; $(or $(PYTHON),python3) is $$($(or $(PYTHON),python3) --version 2>&1 | head -n 1)." >&2; \
	    echo "Remedy: install one of them, or name it: make PYTHON=/path/to/python3.12 $(or $(MAKECMDGOALS),install)" >&2; \
	    exit 1; \
	  fi; \
	  echo "Making .venv with $$($$found --version)"; \
	  $$found -m venv --clear .venv || { echo "Remedy: install the venv module of this Python (Debian: apt install python3-venv)." >&2; exit 1; }; \
	fi
	@echo "Installing what requirements.lock names"
	@$(PIP) install --no-deps --only-binary :all: --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

serve: install ## the sample country, its sources and the hub, on http://127.0.0.1:8000 (PORT= moves it)
	@$(BIN)/mizalla serve --sample $(if $(PORT),--port $(PORT))

test: install ## the whole suite, two files at a time (JOBS= changes how many); those that kill or measure come last
	@failed=0; \
	$(BIN)/python -m pytest --quiet -m 'not alone' $(if $(JOBS),--numprocesses $(JOBS) --dist loadfile) || failed=1; \
	$(BIN)/python -m pytest --quiet -m alone $(if $(JOBS),--numprocesses $(JOBS) --dist loadfile) || failed=1; \
	exit $$failed

check: install ## lint, format, types, import contracts, spelling
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "Remedy: make format" >&2; exit 1; }
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/codespell

format: install ## let ruff put the code in order
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

golden: install ## write the golden files anew; read the difference before committing it
	@MIZALLA_GOLDEN=write $(BIN)/python -m pytest --quiet $$(grep -l MIZALLA_GOLDEN tests/test_*.py)

bench: install ## what the hub, pseudonyms, recording and linking cost on this machine, also in bench/results
	@mkdir -p bench/results
	@{ $(BIN)/python -m bench.quick; $(BIN)/python -m bench.pseudonyms; $(BIN)/python -m bench.record --entries 100000; \
	  $(BIN)/python -m bench.linking --people 50000; } | tee bench/results/latest.txt

lock: ## resolve requirements.lock anew (needs uv); UPGRADE=1 takes the newest versions
	@$(UV) pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate --quiet $(if $(UPGRADE),--upgrade) --output-file requirements.lock

clean: ## remove .venv, the sample country and every cache
	@rm -rf .venv var dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
