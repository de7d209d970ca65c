# `make demo` and `make test` need python3 (3.11 or later) with venv, and make; everything else they install into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := crypto provisioning radiusd pcaps benchmarks latchkey.py tests

.PHONY: demo test test-vendor air year bench fuzz format clean
FUZZ_SECONDS ?= 300
FUZZ_DATAGRAMS ?= 1000000
JOBS ?= auto

demo: $(VENV)/installed
	$(BIN)/latchkey demo
	$(BIN)/latchkey demo --platform vault

test: $(VENV)/installed-dev
	$(BIN)/ruff check $(PACKAGES)
	$(BIN)/ruff format --check $(PACKAGES)
	$(BIN)/mypy
	$(BIN)/pytest -n $(JOBS) --dist worksteal

# make test-vendor V=ruckus: what the tests say of one dialect, in seconds.
test-vendor: $(VENV)/installed-dev
	$(BIN)/pytest -q tests/radiusd/vendors -k '$(or $(V),$(error say which: make test-vendor V=ruckus)) or table'

# hostapd and wpa_supplicant in a virtual machine with simulated radios, against the server: two to four minutes.
air: $(VENV)/installed-dev
	$(BIN)/pytest -m air tests/air

# A year of a thousand units on each platform's test server, a synchronisation a day, judged by Access-Requests.
year: $(VENV)/installed-dev
	$(BIN)/pytest -n $(JOBS) -m year tests/platforms

bench: $(VENV)/installed-dev
	$(BIN)/latchkey bench pmk
	$(BIN)/latchkey bench match

# New inputs that reach new code stay in .fuzz; `-merge=1 tests/fuzz/corpus .fuzz` takes them over.
fuzz: $(VENV)/installed-dev
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[fuzz]'
	mkdir -p .fuzz
	$(BIN)/python tests/fuzz/fuzz_engine.py .fuzz tests/fuzz/corpus -max_total_time=$(FUZZ_SECONDS) -max_len=1500
	$(BIN)/python tests/fuzz/fuzz_engine.py --memory $(FUZZ_DATAGRAMS)
	$(BIN)/python tests/fuzz/differential.py --count $(FUZZ_DATAGRAMS) --jobs 2

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix $(PACKAGES)
	$(BIN)/ruff format $(PACKAGES)

$(VENV)/created:
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/installed: $(VENV)/created pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/installed-dev: $(VENV)/created pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@ $(VENV)/installed

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
