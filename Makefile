# Two commands: `make shards` and `make test`. Each builds .venv from a lock with hashes when it is missing or stale.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
COMPILE := .venv/uv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--default-index https://pypi.org/simple

.DEFAULT_GOAL := help
.PHONY: help shards test lint check bench bench-dedup clean lock
PEERS := datatrove datasketch rensa text-dedup

help:  ## Show this help
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 18

shards: .venv/run.stamp  ## Make token shards from the source code installed in .venv (out/demo)
	$(BIN)/infill run configs/demo.toml

test: .venv/dev.stamp  ## Run every test
	$(BIN)/python -m pytest

lint: .venv/dev.stamp  ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint test  ## What CI runs

bench: .venv/bench.stamp  ## Measure the whole job and its parts beside their peers
	$(BIN)/python -m benchmarks

bench-dedup: .venv/bench.stamp $(PEERS:%=.venv/peers/%.stamp)  ## Measure near-dedup beside its peers (2.4 GB of them)
	$(BIN)/python -m benchmarks.dedup

clean:  ## Remove .venv, outputs and caches
	rm -rf .venv out build *.egg-info .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

lock:  ## Pin the dependencies anew
	$(PYTHON) -m venv .venv/uv
	.venv/uv/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(COMPILE) requirements/build.in -o requirements/build.lock
	$(COMPILE) --extra plot pyproject.toml -o requirements/run.lock
	$(COMPILE) --extra dev -c requirements/run.lock pyproject.toml -o requirements/dev.lock
	$(COMPILE) --extra bench -c requirements/run.lock pyproject.toml -o requirements/bench.lock
	for peer in $(PEERS); do $(COMPILE) requirements/bench-dedup/$$peer.in -o requirements/bench-dedup/$$peer.lock; done
	$(COMPILE) --no-deps requirements/bench-dedup/text.in -o requirements/bench-dedup/text.lock

.venv/bin/python:
	@$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "infill needs Python 3.11 or newer; set PYTHON=..."'
	$(PYTHON) -m venv .venv

.venv/run.stamp: requirements/build.lock requirements/run.lock pyproject.toml | .venv/bin/python
	$(PIP) --require-hashes -r requirements/build.lock -r requirements/run.lock
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev.stamp: requirements/dev.lock .venv/run.stamp
	$(PIP) --require-hashes -r requirements/dev.lock
	@touch $@

.venv/bench.stamp: requirements/bench.lock .venv/dev.stamp
	$(PIP) --require-hashes -r requirements/bench.lock
	@touch $@

.venv/peers/%.stamp: requirements/bench-dedup/%.lock | .venv/bin/python
	$(PYTHON) -m venv .venv/peers/$*
	.venv/peers/$*/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $< || rm -rf .venv/peers/$*
	@touch $@
