# Needs only python3.11 and make. Everything else goes to .venv (Python) and to the user's cache folder (the control plane, pyright).
.DEFAULT_GOAL := help
.PHONY: help install check format controlplane test test-long bench soak cluster clean

PYTHON ?= python3.11
JOBS ?= 2
FABRIC ?= gb200
BIN := .venv/bin
CODE := $(wildcard specs topology activities workflows workers tests examples benchmarks)
# Installed again only when what is installed changes: the part of pyproject.toml above the tools' settings.
STAMP := .venv/installed-$(shell sed '/^\# Below this line/,$$d' pyproject.toml | cksum | tr ' ' '-')

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do printf '  make %-13s %s\n' "$$name" "$$text"; done

install: $(STAMP) ## Make .venv with everything in it (the pip cache makes it quick)

$(STAMP): | pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	rm -f .venv/installed-* && touch $@

check: install ## Formatting, lint, import contracts, types
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy $(CODE)
	$(BIN)/pyright $(CODE)

format: install ## Rewrite the code as `make check` wants it
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

clean: ## Remove what was made in this folder (not the caches)
	rm -rf .venv dist .hypothesis .*_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
