# Gatepost: `make serve` runs it, `make test` proves it, `make` lists the rest.

PYTHON ?= python3
UV ?= uv
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install
LOCK := --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --no-strip-extras

# What the tests with real mail programs need, and what the benchmark compares with (Debian package names).
TEST_PACKAGES := curl fetchmail mpop getmail6 openssl iproute2 nftables dovecot-pop3d dovecot-imapd postfix \
    libdb5.3 libgnutls-dane0 libidn12 libidn2-0 libnsl2 libpcre2-8-0
# Exim would take Postfix's place: it is unpacked beside it. The libraries that it needs stand in the line above.
UNPACKED_PACKAGES := exim4-daemon-light
BENCH_PACKAGES := dovecot-core dovecot-pop3d openssl

.DEFAULT_GOAL := help
.PHONY: help serve test check bench lock docs clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-6s %s\n", $$1, $$2 }' Makefile

serve: .venv/.run ## Set everything up and hand out mail on this machine; Ctrl-C stops, a second run keeps the data
	@exec $(BIN)/gatepost quickstart $(ARGS)

test: .venv/.dev ## Run everything that CI runs: lint, types, import rules, tests, coverage
	@tools/system-packages $(TEST_PACKAGES)
	@tools/unpacked-packages build/packages/exim $(UNPACKED_PACKAGES)
	@$(BIN)/python tools/verify.py

check: .venv/.dev ## Run the fast part: lint, types, import rules, tests of the pure modules
	@$(BIN)/python tools/verify.py --fast

bench: .venv/.dev ## Measure Gatepost beside Dovecot and the bare loop; writes benchmarks/RESULTS.md
	@tools/system-packages $(BENCH_PACKAGES)
	@$(BIN)/python -m benchmarks $(ARGS)

lock: ## Resolve all dependencies anew into the lock files (needs uv)
	@command -v $(UV) > /dev/null || { echo "make lock needs uv: pip install uv, or make lock UV=/path/to/uv" >&2; exit 1; }
	$(UV) pip compile $(LOCK) --group build --output-file requirements.lock pyproject.toml
	$(UV) pip compile $(LOCK) --group dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml

docs: .venv/.dev ## Make the generated pages anew
	@$(BIN)/python tools/make_docs.py

clean: ## Remove what builds and tests left; data and .venv stay
	rm -rf build dist .coverage .coverage.* .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests tools benchmarks -name __pycache__ -prune -exec rm -rf {} +

$(BIN)/python:
	@tools/make-venv $(PYTHON)

.venv/.run: requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing Gatepost into .venv …"
	@$(PIP) --require-hashes --requirement requirements.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.dev: requirements-dev.lock .venv/.run
	@echo "Installing what the tests need into .venv …"
	@$(PIP) --require-hashes --requirement requirements-dev.lock
	@touch $@
