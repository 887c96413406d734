# Everything a newcomer or the CI needs. All paths are relative, so a checkout whose
# path has a space in it works; everything runs as `python -m`, so no script's
# shebang has to survive one either.
PYTHON ?= python3
PY := .venv/bin/python
STAMP := .venv/installed
.DEFAULT_GOAL := help
.PHONY: help install demo dev test check format docs lock clean

help: ## Show this help
	@grep -hE '^[a-z]+:.*## ' Makefile | sed 's/:.*## /\t/' | expand -t 12

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

demo: $(STAMP) ## 200 jobs, two workers, lost responses, one kill -9: does the promise hold?
	@$(PY) -m worker.cli demo

dev: $(STAMP) ## A store, a sandbox and a worker to play with; no keys needed
	@$(PY) -m worker.cli dev

test: $(STAMP) ## All tests, three at a time, with branch coverage
	@$(PY) -m pytest -n 3 --dist worksteal

check: $(STAMP) ## Static checks: format, lint, types, layers, Lua headers, generated docs, image
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@$(PY) -m tools.layers
	@$(PY) -m tools.lua_headers
	@$(PY) -m tools.docs --check
	@$(PY) -m tools.deployment

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
