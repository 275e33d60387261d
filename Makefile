# Needs python3.11 and make. All else goes to .venv (Python packages) and to the user's cache folder (the control plane for tests).
.DEFAULT_GOAL := help
.NOTPARALLEL: # two cores, and the tiers share them
.PHONY: help install demo check format controlplane test test-unit test-cluster test-long bench bench-cluster soak cluster clean

PYTHON ?= python3.11
JOBS ?= auto
FABRIC ?= gb200
KEEP ?=
CLUSTER ?= simulated
ARGS ?=
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
CODE := $(wildcard specs topology activities workflows workers tests examples benchmarks)
# Installed again only when what is installed changes: the part of pyproject.toml above the tools' settings.
STAMP := .venv/installed-$(shell sed '/^\# Below this line/,$$d' pyproject.toml | cksum | tr ' ' '-')
# pytest's 5 is "no test was selected": no failure while a tier is still empty, or when ARGS narrow it to nothing.
OR_NONE := || test $$? -eq 5

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | while IFS='|' read -r name text; do printf '  make %-13s %s\n' "$$name" "$$text"; done

install: $(STAMP) ## Make .venv with everything in it; quick when nothing changed

$(STAMP): | pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	rm -f .venv/installed-* && touch $@

check: install ## Formatting, lint, import contracts, types: seconds, no test
	$(BIN)/ruff format --check --quiet $(CODE) || { echo 'Not formatted; run: make format'; exit 1; }
	$(BIN)/ruff check $(CODE)
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/mypy $(CODE)
	$(BIN)/pyright

format: install ## Rewrite the code as `make check` wants it
	$(BIN)/ruff check --fix-only --quiet $(CODE)
	$(BIN)/ruff format $(CODE)

controlplane: install ## Build the control plane for tests, once (10 minutes the first time; needs Go or PyPI)
	$(BIN)/python -m tests.cluster build

demo: install ## The main job in a minute on a simulated cluster; KEEP=1 leaves it running; CLUSTER=local plays on a real control plane
ifeq ($(CLUSTER),local)
	$(BIN)/python -m tests.cluster play --fabric gb200 $(BIN)/python -m examples.demo $(if $(KEEP),--keep)
else
	@$(BIN)/python -m examples.demo $(if $(KEEP),--keep)
endif

test: install test-unit test-cluster ## What every change runs: 4 minutes, 13 more on a control plane; what is lacking is skipped, with its reason

test-unit: install
	$(PYTEST) -m 'not cluster and not long and not soak' --numprocesses $(JOBS) --dist worksteal $(ARGS) $(OR_NONE)

# Two side by side, each with a control plane of its own. Built outside pytest, because no test may take minutes.
test-cluster: install
	$(BIN)/python -m tests.cluster build || test -z "$$ESPALIER_REQUIRE_CLUSTER"
	$(PYTEST) -m 'cluster and not long and not soak' --numprocesses 2 --dist loadfile --durations 10 $(ARGS) $(OR_NONE)

test-long: install ## The longer tests; .ci/run runs them too: 45 minutes
	$(BIN)/python -m tests.cluster build || test -z "$$ESPALIER_REQUIRE_CLUSTER"
	$(PYTEST) -m 'long and not soak' --timeout 900 --durations 10 $(ARGS) $(OR_NONE)

soak: install ## Hours, by hand; write the figures down in docs/
	$(PYTEST) -m soak --timeout 0 --capture no $(ARGS)

bench: install ## Every benchmark beside its floor and its budget
	$(BIN)/python -m benchmarks $(ARGS)

bench-cluster: install ## Those on a control plane, which take an hour; ARGS='--floor FILE --write'
	$(BIN)/python -m benchmarks --cluster $(ARGS)

cluster: install ## A control plane with fake nodes for hand use; FABRIC=gb200 chooses the nodes
	$(BIN)/python -m tests.cluster up --fabric $(FABRIC) $(ARGS)

clean: ## Remove what was made in this folder (not the caches)
	rm -rf .venv dist .hypothesis .*_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
