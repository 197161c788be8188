# make lab | test | quick | mutants | record | slides | solutions | site | help
# It needs Python 3.11 or later, and nothing else.
#
# PYTHON=python3.12        chooses the interpreter for a new .venv
# PIP_ARGS="..."           adds options to pip, such as an index that holds CUDA wheels
# JOBS=2                   how many tests run side by side, on one thread each
# COURSE_SHARED=FOLDER     where the real images and weights for tests/real lie

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
RUN := .venv/bin/python -m
READY := .venv/ready
PYTEST := $(RUN) pytest
JOBS ?= 2
PARALLEL := OMP_NUM_THREADS=1 $(PYTEST) -n $(JOBS)
# The stored lessons, each with its solutions behind it: nbval runs both in one go.
SOLVED := build/solved
define LINT
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
endef
export OMP_WAIT_POLICY := PASSIVE

.PHONY: lab test quick mutants record slides solutions site help
help:
	@echo "make lab      set the course up where needed and open it in JupyterLab"
	@echo "make test     check everything: lint, types, unit tests, lessons, browser"
	@echo "make quick    lint, types and the fast tests, in under two minutes"
	@echo "make mutants  plant faults one at a time, and see whether the tests notice"
	@echo "make record   execute all lessons and store them with their outputs"
	@echo "make slides   make the lessons into slides, in build/slides"
	@echo "make solutions  execute all lessons with the solutions filled in"
	@echo "make site     build the website from the stored lessons, in build/site"

lab: $(READY)
	@$(RUN) course_utils lab $(LAB_ARGS)

record: $(READY)
	$(RUN) authoring record

site: $(READY)
	$(RUN) authoring site

slides: $(READY)
	$(RUN) authoring slides

solutions: $(READY)
	$(RUN) authoring solutions

# Browser, lessons (by nbval, each with its solutions behind it) and all other tests share the cores:
# tests/conftest.py says what begins first, and what stays together.
test: $(READY)
	$(LINT)
	rm -rf $(SOLVED)
	$(RUN) authoring solutions --behind $(SOLVED)
	$(PARALLEL) --dist loadscope --no-loadscope-reorder --durations=25 --nbval-lax --nbval-current-env \
		--nbval-cell-timeout=180 --nbval-sanitize-with=tests/lessons/sanitize.cfg tests $(SOLVED)/*.ipynb

quick: $(READY)
	$(LINT)
	$(PARALLEL) --dist worksteal -q -m "not slow" tests
	@echo "Left out: the lessons themselves, the live lab, authoring, the browser, real images, the hub, benchmarks, and whatever else" \
		"is marked as slow. \`make test\` runs them too."

mutants: $(READY)
	$(RUN) tests.mutants

# .venv-unfinished becomes .venv/ready only at the very end. A set-up that was cut off, at any
# moment, is therefore seen, and the next one starts afresh.
$(READY): requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or later found. Install one, or name it:" \
		"make $(MAKECMDGOALS) PYTHON=/path/to/python3"; exit 1; }
	@echo "Setting up .venv, once: this takes a few minutes."
	@[ ! -e .venv-unfinished ] || rm -rf .venv
	@touch .venv-unfinished
	@[ -x .venv/bin/python ] || $(PYTHON) -m venv .venv
	@$(RUN) pip install -q --disable-pip-version-check $(PIP_ARGS) -r requirements.txt
	@$(RUN) pip install -q --disable-pip-version-check $(PIP_ARGS) --no-deps -e .
	@mv .venv-unfinished $@
