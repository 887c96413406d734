# Everything a newcomer or the CI needs. All paths are relative, so a checkout whose
# path has a space in it works; everything runs as `python -m`, so no script's
# shebang has to survive one either.
PYTHON ?= python3
PY := .venv/bin/python
STAMP := .venv/installed
.DEFAULT_GOAL := help
.PHONY: help install demo dev test chaos bench bench-rates bench-lanes bench-batch check guards format docs lock clean

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed 's/:.*## /\t/' | expand -t 13

install: $(STAMP) ## Install everything into .venv (the other targets do it by themselves)

# pip refuses hashes and local projects in one call, so there are two. Nothing of the
# second is looked up in an index: both projects and their build backend are here.
$(STAMP): requirements-dev.lock
	@$(PYTHON) tools/require_python.py
	@echo "Installing into .venv (once, about a minute) ..."
	@$(PYTHON) -m venv --clear --without-pip .venv
	@$(PYTHON) -m pip --python $(PY) install --quiet --disable-pip-version-check \
		--no-deps --require-hashes --only-binary=:all: -r requirements-dev.lock
	@$(PYTHON) -m pip --python $(PY) install --quiet --disable-pip-version-check \
		--no-deps --no-build-isolation --no-index -e ./client -e .
	@touch $(STAMP)

demo: $(STAMP) ## 400 jobs, two workers, every fault, one kill -9: does the promise hold?
	@$(PY) -m worker.cli demo

dev: $(STAMP) ## A store, a sandbox and a worker to play with; no keys needed
	@$(PY) -m worker.cli dev

test: $(STAMP) ## All tests, four at a time, with branch coverage
	@$(PY) -m pytest -n 4 --dist worksteal

chaos: $(STAMP) ## Ten minutes in which everything is killed, and an account (about 12 minutes)
	@$(PY) -m bench.chaos --seed 1 --minutes 10

bench: $(STAMP) ## What a job costs, beside plain Celery (about 3 minutes), into docs/performance.md
	@$(PY) -m bench.jobs --markdown docs/performance.md

bench-rates: $(STAMP) ## How limits are used and shared (about 20 minutes), into docs/performance.md
	@$(PY) -m bench.rates --markdown docs/performance.md

bench-lanes: $(STAMP) ## Order per customer, with lost answers (about 2 minutes), into docs/performance.md
	@$(PY) -m bench.lanes --markdown docs/performance.md

bench-batch: $(STAMP) ## What a row of a batch costs (about 6 minutes), into docs/performance.md
	@$(PY) -m bench.batch --markdown docs/performance.md

check: $(STAMP) ## Static checks: format, lint, types, layers, Lua headers, generated docs, image
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@$(PY) -m tools.layers
	@$(PY) -m tools.lua_headers
	@$(PY) -m tools.docs --check
	@$(PY) -m tools.deployment

guards: $(STAMP) ## Take each guard of the promise away: does a test fail?
	@$(PY) -m tools.guards

format: $(STAMP) ## Format the code and fix what the linter can fix
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

docs: $(STAMP) ## Write the generated parts of docs/
	@$(PY) -m tools.docs

lock: ## Resolve the dependencies anew (needs uv)
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header \
		--group build pyproject.toml -o requirements.lock
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header \
		--extra dev pyproject.toml -c requirements.lock -o requirements-sandbox.lock
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header \
		--extra dev --group tools pyproject.toml -c requirements.lock \
		-c requirements-sandbox.lock -o requirements-dev.lock

clean: ## Remove what the other targets made
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage htmlcov
