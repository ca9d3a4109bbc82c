# Two commands do what a user wants: `make demo` and `make test`. Each sets up what it needs in .venv, once.
#   PYTHON=python3.12   another interpreter (3.11 or later)
#   WORKERS=4           how many tests run side by side: they wait more than they compute
#   ARGS=...            more arguments for pytest, the benchmark or the demo
SHELL := /bin/bash
PYTHON ?= python3
ARGS ?=
WORKERS ?= 4
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
say := printf '\033[36m==>\033[0m %s\n'

.DEFAULT_GOAL := help
.PHONY: help demo test test-kubernetes game-days test-subscribers coverage mutants lint format bench schemas schemas-released kubernetes-schemas graphiql golden kubernetes elasticsearch chromium locks setup clean

help: ## this text
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(STAMPS)/demo ## set up, start everything and show four faults being found and repaired (DEMO_EXIT=1: then leave)
	@$(BIN)/aetherius demo $(ARGS)

test: lint ## set up, lint, and run all tests; meanwhile build or fetch the real servers that some need (Go, Maven)
	@$(say) "tests, $(WORKERS) side by side (logs of what is built meanwhile: build/servers)"
	@$(BIN)/pytest -n $(WORKERS) --build-servers $(ARGS)

test-kubernetes: $(STAMPS)/dev ## only the tests on a real control plane
	@$(BIN)/pytest --build-servers -m kubernetes $(ARGS)

game-days: $(STAMPS)/dev ## failures that happened elsewhere, played on a real control plane: what is said and done (ARGS=--write-game-days: into docs/safety.md)
	@$(BIN)/pytest --build-servers --game-days -m game_day $(ARGS)

test-subscribers: $(STAMPS)/dev ## a thousand subscribers on one server while reports come in (some minutes)
	@AETHERIUS_TEST_SUBSCRIBERS=1000 $(BIN)/pytest -s tests/integration/graphql/test_many_subscribers.py $(ARGS)

coverage: $(STAMPS)/dev ## how much of domain, readers, orchestrator and event_store their unit and contract tests reach, branches included
	@$(BIN)/pytest -q -n $(WORKERS) -m "not kubernetes and not elasticsearch" \
	  --cov --cov-report= tests/unit tests/contracts $(ARGS)
	@$(BIN)/python tests/support/room_coverage.py

mutants: $(STAMPS)/dev ## changes in repairs, faults and the command policy that no unit test notices (some minutes; ARGS="--minutes 5 domain/risk.py")
	@$(BIN)/python tests/support/mutants.py $(ARGS)

lint: $(STAMPS)/dev ## style, types and the arrows between the rooms
	@$(say) "ruff"
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(say) "mypy"
	@$(BIN)/mypy
	@$(say) "import-linter"
	@$(BIN)/lint-imports

format: $(STAMPS)/dev ## rewrite the code in the house's style
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

bench: $(STAMPS)/dev ## how fast it is, beside raw PostgreSQL and the stock library, in one run
	@$(BIN)/python bench/run.py $(ARGS)

schemas: $(STAMPS)/dev ## write docs/schema.graphql and docs/asyncapi.json anew, from the code
	@$(BIN)/python -c 'from aetherius.graphql.schema import sdl; print(sdl(), end="")' > docs/schema.graphql
	@$(BIN)/python -c 'import json; from aetherius.domain.wire.asyncapi import document; print(json.dumps(document(), indent=1))' > docs/asyncapi.json

graphiql: ## bundle GraphiQL anew into graphql/ide (needs Node and npm; what is committed there serves without)
	@graphql/ide/build.sh $(CURDIR)/build/graphiql

schemas-released: $(STAMPS)/dev ## at a release, or to break clients deliberately: take docs/schema.graphql as what later changes are compared with
	@cp docs/schema.graphql docs/schema.released.graphql

golden: $(STAMPS)/dev ## write the golden files of new events (old ones are never touched)
	@$(BIN)/python tests/support/event_samples.py

kubernetes: ## build a real Kubernetes control plane for the tests (needs Go; minutes, once)
	@command -v go >/dev/null || { echo "Go is not installed: the tests on a real control plane will be skipped"; exit 1; }
	@tests/support/kubernetes/build.sh

kubernetes-schemas: ## write simulator/schema anew, from the Kubernetes version of the tests (needs Go)
	@tests/support/kubernetes/schemas.sh

elasticsearch: ## fetch a real Elasticsearch for the tests (needs Maven; once)
	@command -v mvn >/dev/null || { echo "Maven is not installed: the tests on a real Elasticsearch will be skipped"; exit 1; }
	@tests/support/elasticsearch_distribution/fetch.sh >/dev/null

chromium: ## fetch a browser for the tests, where the machine has none (needs apt-get; once; nothing is installed)
	@command -v apt-get >/dev/null || { echo "there is no apt-get here: the tests in a browser need a Chromium of the machine's own"; exit 1; }
	@tests/support/chromium/fetch.sh >/dev/null

locks: $(STAMPS)/uv ## resolve the dependencies anew (ARGS=--upgrade: to the newest)
	@requirements/lock.sh $(ARGS)

setup: $(STAMPS)/dev ## only set up what `make test` needs

clean: ## remove what was built and installed (data in .data/ stays)
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# A stamp says that its lock is installed. The developers' lock holds all of the demo's: it stamps both.
$(STAMPS)/demo: requirements/demo.lock pyproject.toml | $(STAMPS)/uv
	@requirements/install.sh $(VENV) requirements/demo.lock
	@touch $@

$(STAMPS)/dev: requirements/dev.lock requirements/demo.lock pyproject.toml | $(STAMPS)/uv
	@requirements/install.sh $(VENV) requirements/dev.lock
	@touch $(STAMPS)/demo $@

$(STAMPS)/uv: requirements/uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) must be Python 3.11 or later: name another with PYTHON=..."; exit 1; }
	@test -x $(BIN)/pip || { $(say) "making $(VENV)"; $(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "$(PYTHON) cannot make virtual environments: install its venv package (Debian: python3-venv)"; exit 1; }; }
	@$(BIN)/pip install --disable-pip-version-check --quiet --progress-bar off --require-hashes -r requirements/uv.lock || \
	  $(say) "no uv for this machine: pip will do, more slowly"
	@mkdir -p $(STAMPS)
	@touch $@
