# make run: the dashboard.  make test: all tests.  make check: lint, types, import rule, docs.  make bench: timings.  make truth: every algorithm on 100 worlds, into docs/models.md; plans on 60.  make soak: many more hostile uploads and kills.
PYTHON ?= python3
PORT ?=
APP := app.py
VENV := .venv
BIN := $(VENV)/bin
.PHONY: run setup test check bench truth soak browser

run: setup
	@$(BIN)/python -m streamlit run $(APP) $(if $(PORT),--server.port $(PORT)) || { code=$$?; \
	  echo "The dashboard stopped with exit code $$code. Is the port in use? Choose another: make run PORT=8600" >&2; exit $$code; }

setup: $(VENV)/.requirements

test: $(VENV)/.requirements-dev browser
	$(BIN)/python -m pytest -n auto --dist loadfile

check: $(VENV)/.requirements-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_architecture.py tests/test_language.py

bench: $(VENV)/.requirements-dev
	set -e; for script in benchmarks/bench_*.py; do echo "== $$script"; PYTHONPATH=. $(BIN)/python "$$script"; done

truth: $(VENV)/.requirements-dev
	PYTHONPATH=. $(BIN)/python benchmarks/truth.py
	PYTHONPATH=. $(BIN)/python benchmarks/bench_pricing.py --worlds 60 --processes 2

soak: $(VENV)/.requirements-dev
	EDTECH_MUTATIONS=2000 EDTECH_KILLS=50 $(BIN)/python -m pytest -q --hypothesis-profile random tests/data/test_mutated.py tests/data/test_killed.py
	EDTECH_WRITERS=8 EDTECH_RUNS=50 $(BIN)/python -m pytest -q tests/tracking/test_store.py -k processes

browser: $(VENV)/.requirements-dev
	@$(BIN)/python tests/browser.py
	@PYTHONPATH=. $(BIN)/python tests/postgres.py

# The stamps make a second run quick: nothing is installed again until a list of requirements changes.
$(VENV)/.requirements: requirements.txt constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed; found " + sys.version.split()[0] + ". Name another one: make run PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -r requirements.txt -c constraints.txt
	@touch $@

$(VENV)/.requirements-dev: $(VENV)/.requirements requirements-dev.txt
	$(BIN)/python -m pip install -r requirements-dev.txt -c constraints.txt
	@touch $@
