# make demo and make test each do all of their own set-up; see README.md.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet
SOURCES := pyproject.toml hatch_build.py $(shell find agent cli/defender/__init__.py -type f \
             -not -path '*/__pycache__/*' -not -name '*.so' 2>/dev/null)
WORKERS ?= 2
FUZZ_SECONDS ?= 3600
STRESS_SECONDS ?= 60

.PHONY: demo test lint format fuzz stress bench wheel clean system of-node of-npm of-maven

demo: $(VENV)/.demo
	$(BIN)/python demo/run.py

test: system $(VENV)/.test
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

lint: system $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/interrogate --quiet cli/defender
	$(MAKE) -C agent/core lint

format: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

fuzz: system $(VENV)/.test
	$(MAKE) -C agent/core fuzz FUZZ_SECONDS=$(FUZZ_SECONDS)

stress: system $(VENV)/.test
	$(MAKE) -C agent/core stress PYTHON=$(abspath $(BIN))/python STRESS_SECONDS=$(STRESS_SECONDS)

bench: $(VENV)/.test
	$(PIP) install --group bench
	$(BIN)/python benchmarks/package.py
	$(BIN)/python benchmarks/agent.py
	$(BIN)/python benchmarks/calls.py
	tests/node-versions
	$(BIN)/python benchmarks/node.py
	$(BIN)/python benchmarks/ruby.py

wheel: $(VENV)/.pip
	$(PIP) wheel --no-deps --wheel-dir dist .

# Debian's packages that the tests use, named one by one where they are missing; then what comes from npm, PyPI and Maven
# Central, side by side, but one Maven at a time: they share a repository. npm knows only the certificates that it comes
# with, where pip and apt take the machine's: behind a company's proxy it needs those, too.
system: export NODE_EXTRA_CA_CERTS ?= /etc/ssl/certs/ca-certificates.crt
system:
	@tests/system-packages
	@$(MAKE) --no-print-directory --jobs=4 of-node of-npm of-maven $(VENV)/.test

of-node:
	@tests/node-versions
	@tests/node-clients

of-npm:
	@tests/node-packages

of-maven:
	@tests/java-packages
	@tests/maven-packages
	@tests/gradle-packages
	@tests/ruby-versions

# A Debian Python may come without ensurepip: then its own pip fills the environment from outside.
$(VENV)/.pip:
	$(PYTHON) -m venv $(VENV) 2>/dev/null || { rm -rf $(VENV); $(PYTHON) -m venv --without-pip $(VENV) && \
	  $(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check --quiet install pip; }
	$(PIP) install pip==26.3
	@touch $@

# The editable install compiles the agent; it is made anew when the agent's sources change.
$(VENV)/.install: $(VENV)/.pip $(SOURCES)
	$(PIP) install --editable .
	@touch $@

$(VENV)/.demo: $(VENV)/.install
	$(PIP) install --group demo
	@touch $@

$(VENV)/.test: $(VENV)/.install
	$(PIP) install --group test --group lint
	@touch $@

clean:
	rm -rf $(VENV) build dist cli/defender/_data .pytest_cache .mypy_cache .ruff_cache .hypothesis
