# The tasks of a checkout. `make` alone lists them; each is one line of shell on purpose.
.DEFAULT_GOAL := help
.PHONY: help setup demo demo-down cloud cloud-down test test-full test-unit test-e2e crash-matrix acceptance-autoscaler acceptance-rke2 lint bench lock cloud-lock docs wheel clean

PY := .venv/bin/python
export PATH := $(CURDIR)/.venv/bin:$(PATH)

help: ## list the tasks
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-21s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install what is missing: virtual environment, container engine, OpenTofu
	@.ci/setup

demo: setup ## bring up the cluster of specs/local.yaml on this machine and show its nodes
	@.ci/demo

demo-down: ## remove the demo cluster again
	@kbootstrap destroy -y specs/local.yaml

cloud: ## start the test cloud: a real OpenStack on this machine (root; docs/test-cloud.md)
	@tests/cloud/up

cloud-down: ## stop the test cloud; its packages, image and seeded state stay in the cache
	@tests/cloud/down

test: setup ## everything that CI runs: linters, unit tests, end-to-end tests against real parts
	@.ci/setup-tests
	@.ci/test

test-full: setup ## the same with random kills, every engine and tool, and the crash matrix (hours); before a release
	@.ci/setup-tests
	@.ci/test --full

test-unit: ## fast tests only: no engine, no network
	@$(PY) -m pytest -q -n 2 tests --ignore=tests/e2e

test-e2e: ## end-to-end tests only (container engine, OpenTofu/Terraform, k3s)
	@$(PY) -m pytest -q tests/e2e

acceptance-rke2: ## the tests of RKE2 with the vendor's release, from the folder KBOOTSTRAP_TEST_RKE2 (tests/acceptance/rke2.md)
	@$(PY) -m tests.acceptance.rke2

crash-matrix: ## kill kbootstrap, machines and the network at the boundaries of every command (an hour); prints a table
	@$(PY) -m tests.e2e.crash_matrix && $(PY) -m tests.e2e.crash_matrix --table

acceptance-autoscaler: ## the autoscaler's server with Cluster Autoscaler's release (tests/acceptance/autoscaler.md)
	@: "$${KBOOTSTRAP_TEST_CLUSTER_AUTOSCALER:?names the program of a release: tests/acceptance/autoscaler.md}"
	@CI=true $(PY) -m pytest -q -s tests/e2e/test_cluster_autoscaler.py

lint: ## ruff, formatting, mypy --strict
	@ruff check . && ruff format --check . && mypy

bench: ## measure (docs/performance.md); fails where a ratio is worse by more than a quarter than bench/baseline.json
	@$(PY) -m bench.help && $(PY) -m bench.large_plan && $(PY) -m bench.scale && $(PY) -m bench.local_apply && $(PY) -m bench.elastic && $(PY) -m bench.compare

lock: ## resolve requirements.lock again (with hashes)
	@uv pip compile -q --upgrade --generate-hashes --universal --python-version 3.11 --no-annotate --no-header --group dev pyproject.toml -o requirements.lock

cloud-lock: ## resolve tests/cloud/requirements.lock again; versions stay where requirements.in allows
	@cd tests/cloud && uv pip compile -q --generate-hashes --python-version 3.11 --no-annotate --no-header requirements.in -o requirements.lock

docs: ## write the reference pages of docs/reference again, from schemas, commands and codes
	@$(PY) -m tests.reference

wheel: ## build the wheel into dist/
	@$(PY) -m build --wheel --no-isolation -o dist . >/dev/null && ls dist/*.whl

clean: ## remove what the tasks made in the checkout; the cache stays
	@rm -rf .venv dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis
