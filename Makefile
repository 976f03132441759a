# `make demo` runs the main job, `make test` the tests, `make docs` writes the documentation as a site to site/; each
# sets up what it needs in .venv.
# `make test` also installs the system packages that tests need, and says which. `make test SYSTEM=no` installs none, and
# says which tests are left out. `make test STORES=all` runs on both servers what runs on one of them.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
export SYSTEM ?= yes

.PHONY: demo test coverage fuzz bench engines docs clean

demo: $(VENV)/.ready-demo
	@$(BIN)/python examples/stdlib_report/demo.py
	@echo "To have the sequent command in this shell: . $(BIN)/activate"

test: $(VENV)/.ready-test
	@sh tests/packages.sh
	@sh tests/lint_scripts.sh
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2

coverage: $(VENV)/.ready-test
	@sh tests/packages.sh
	@rm -rf coverage
	$(BIN)/python -m coverage run -m pytest -n 2
	@$(BIN)/python -m coverage combine --quiet
	@$(BIN)/python -m coverage json --quiet
	@$(BIN)/python -m coverage report
	@$(BIN)/python -m tests.branches eventcore/decide 95

fuzz: $(VENV)/.ready-test
	FUZZ=$${FUZZ:-5000} $(BIN)/python -m pytest -n 2 tests/acceptance/test_damaged_stores.py tests/acceptance/test_odd_inputs.py

engines: $(VENV)/.ready-test
	RUNS=$${RUNS:-200} $(BIN)/python -m pytest tests/acceptance/test_eight_engines.py

bench: $(VENV)/.ready-bench
	$(BIN)/python -m benchmarks.run

docs: $(VENV)/.ready-docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict
	@echo "wrote site/index.html"

clean:
	rm -rf $(VENV) node_modules coverage build dist site

$(VENV)/bin/python:
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.ready-demo: $(VENV)/bin/python pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[pictures]'
	@touch $@

$(VENV)/.ready-test: $(VENV)/bin/python pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[pictures,test]'
	@touch $@

$(VENV)/.ready-bench: $(VENV)/bin/python pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[pictures,bench]'
	@touch $@

$(VENV)/.ready-docs: $(VENV)/bin/python pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	@touch $@
