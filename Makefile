# One word per task. `make run` and `make test` are all a newcomer needs.
SHELL := /bin/bash
PY := .venv/bin/python

.PHONY: run setup test check lint fix bench torture lock

run: setup
	@exec .venv/bin/ringfence demo $(ARGS)

setup:
	@scripts/setup

test: setup
	@scripts/test

check: setup
	@$(PY) -m pytest -q -m "not slow and not browser and not torture"

lint: setup
	@scripts/lint

fix: setup
	@.venv/bin/ruff check --fix --quiet . ; .venv/bin/ruff format --quiet .

bench: setup
	@$(PY) -m bench $(ARGS)

torture: setup
	@$(PY) -m pytest -q -m torture

lock:
	@scripts/lock
