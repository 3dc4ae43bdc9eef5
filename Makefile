# Everything a newcomer or a machine needs, by name. `make` alone prints this list.
.DEFAULT_GOAL := help
SHELL := /bin/bash
# Where compiled modules may not be kept, each of the tests' processes compiles all of them again.
unexport PYTHONDONTWRITEBYTECODE
BIN := .venv/bin
# Twice as many as cores: a part of the tests waits, for a relay, a lease or a browser.
PYTEST := $(BIN)/pytest -n $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) * 2 ))) --dist worksteal

.PHONY: help
help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: try
try: ## start Krets on this machine with an example list (ARGS="--fresh --port 9000": so)
	@tools/prepare
	@tools/try $(ARGS)

.PHONY: test
test: ## set up what is missing, then every gate and the tests that fit, on SQLite and PostgreSQL
	@tools/prepare test
	@tools/test-parts
	@$(MAKE) --no-print-directory check

.PHONY: check
check: gates ## the gates and the tests, without set-up
	$(PYTEST) --database sqlite -m "not journey"
	$(PYTEST) --database postgresql -m "not journey"

.PHONY: journeys
journeys: ## what `make test` has no time for, and coverage; goes on where it stopped at the same tree
	@tools/prepare test
	@JOURNEYS=yes tools/test-parts
	$(PYTEST) --database sqlite -m journey --resume
	$(PYTEST) --database postgresql -m journey --resume
	@$(BIN)/python tools/coverage.py --resume

.PHONY: coverage
coverage: ## measure what the tests cover, and compare it with the record in tests/coverage.toml
	@$(BIN)/python tools/coverage.py

.PHONY: postgresql
postgresql: ## all tests that use a database, on PostgreSQL (`make test` runs the closest to it)
	$(PYTEST) --database postgresql --whole

.PHONY: gates
gates: ## lint, format, types and import contracts alone
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: format
format: ## put the code in order
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: docs
docs: ## write the reference pages again from the commands and the settings
	PYTHONPATH=. $(BIN)/python tools/reference.py

.PHONY: lock
lock: ## resolve what pyproject.toml asks for into the three locks, keep what is pinned (UPGRADE=1: take the newest)
	@tools/lock $(if $(UPGRADE),--upgrade)

.PHONY: fresh
fresh: ## set up a clone of what is committed, against an index with a newer release of everything
	@tools/prepare
	@$(BIN)/python tools/fresh.py $(COMMIT)

.PHONY: release-check
release-check: ## build the sdist and the wheel, install each by itself, walk the tour in it
	@tools/prepare test
	@$(BIN)/python tools/release_check.py

.PHONY: deb
deb: ## make a Debian package with its own user in dist, for this machine's Python
	@tools/prepare
	@tools/deb

.PHONY: bench
bench: ## measure; the figures count as ratios within one run (N=200000: so many copies)
	@tools/prepare
	@$(BIN)/python tests/bench/bench.py $(if $(filter command environment,$(firstword $(origin N))),--copies $(N))

.PHONY: chaos
N ?= 100
chaos: ## pull plugs until N more faults stand in docs/explanation/chaos.md
	@tools/prepare
	@$(BIN)/python tests/faults/chaos.py $(N)

.PHONY: fuzz
fuzz: ## let hypothesis look much longer: sessions, mail, reports, commands, records, and all else
	$(PYTEST) -m hypothesis --hypothesis-profile=fuzz --timeout 0

.PHONY: clean
clean: ## remove what set-up and tests made; ./krets-data stays
	rm -rf .venv .tools .hypothesis .mypy_cache .ruff_cache .import_linter_cache .coverage* dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
