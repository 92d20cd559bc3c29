# Everything runs in .venv, which `make setup` makes: nothing outside this folder changes.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

BIN := .venv/bin
# The first Python that is new enough; `make PYTHON=/path/to/python` takes another.
PYTHON = $(shell for p in python3.11 python3 python3.12 python3.13; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo "$$p" && break; done)
RUST_SOURCES := $(shell find rust -name '*.rs' -o -name Cargo.toml) Cargo.toml Cargo.lock

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "%-10s %s\n", $$1, $$2 }'

.PHONY: setup
setup: .venv/.built ## Make .venv and build the extension, where anything changed

.venv/.installed: requirements-dev.txt
	@test -n "$(PYTHON)" || { echo "error: Python 3.11 or later is needed: install it, or run make PYTHON=/path/to/python" >&2; exit 1; }
	"$(PYTHON)" -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -r requirements-dev.txt
	touch $@

.venv/.built: .venv/.installed pyproject.toml $(RUST_SOURCES)
	@command -v cargo >/dev/null || { echo "error: Rust is needed: https://rustup.rs" >&2; exit 1; }
	VIRTUAL_ENV="$(CURDIR)/.venv" $(BIN)/maturin develop --release --locked
	touch $@

.PHONY: demo
demo: setup ## Train on real data, score some million rows, compare with the source library
	$(BIN)/python demo/demo.py

# Older versions of what fastscore reads tables from: a folder each, put before .venv's own on the path.
POLARS := 1.0.0 1.20.0 1.32.3 1.44.2
PANDAS := 2.3.3
PIP_INTO = rm -rf $@ $@.part && $(BIN)/python -m pip install --disable-pip-version-check --quiet --target $@.part

.versions/polars-%: | setup
	$(PIP_INTO) polars==$*
	mv $@.part $@

.versions/pandas-%: | setup
	$(PIP_INTO) --no-deps pandas==$* pytz==2025.2
	mv $@.part $@

.PHONY: versions
versions: setup $(POLARS:%=.versions/polars-%) $(PANDAS:%=.versions/pandas-%) ## Test the older versions of Polars and pandas that are supported
	for version in $(POLARS); do echo "Polars $$version"; PYTHONPATH=$(CURDIR)/.versions/polars-$$version \
		$(BIN)/python -m pytest -q tests/python/test_polars_expressions.py; done
	for version in $(PANDAS); do echo "pandas $$version"; PYTHONPATH=$(CURDIR)/.versions/pandas-$$version \
		$(BIN)/python -m pytest -q tests/python/test_containers.py tests/python/test_categories.py \
		tests/python/test_lightgbm_pandas.py -k "pandas or Pandas"; done

.PHONY: test
test: setup versions ## Run all tests, Rust and Python
	FASTSCORE_FUZZ_SECONDS=$${FASTSCORE_FUZZ_SECONDS:-60} FASTSCORE_FUZZ_SEED=$${FASTSCORE_FUZZ_SEED:-1} cargo test -p fastscore-core --locked
	$(BIN)/python -m pytest -q

.PHONY: lint
lint: setup ## Check format, lints, types and the stubs of the extension
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest fastscore._core

.PHONY: docs
docs: setup ## Write docs/support.md from the tables that the tests run over, and the outputs of README.md and docs/guide.md
	PYTHONPATH=tests/python $(BIN)/python -m matrix.docs --write
	OMP_NUM_THREADS=1 $(BIN)/python tests/python/guide.py

# The rivals need 2 GB: an environment of their own, which sees `.venv` too.
.venv-bench/.installed: .venv/.installed benches/requirements.txt
	rm -rf .venv-bench
	$(BIN)/python -m venv .venv-bench
	.venv-bench/bin/python -m pip install --disable-pip-version-check --quiet --no-deps -r benches/requirements.txt
	paths="$$($(BIN)/python -c 'import site; print(site.getsitepackages()[0])')"; \
		echo "import site; site.addsitedir('$$paths')" \
		> "$$(.venv-bench/bin/python -c 'import site; print(site.getsitepackages()[0])')/venv.pth"
	touch $@

# make bench CASE="500 x 63|pipeline" ENGINE=oneDAL ROUNDS=15 RECORD=--record: some cases, some engines, more rounds, recorded.
CASE :=
ENGINE :=
ROUNDS := 7
RECORD :=

.PHONY: bench
bench: setup .venv-bench/.installed ## Compare with every rival, and record the results
	.venv-bench/bin/python benches/run.py --case "$(CASE)" --engine "$(ENGINE)" --rounds "$(ROUNDS)" $(RECORD)

.PHONY: expressions
expressions: setup ## Measure the Polars expression against fastscore.predict and map_batches
	$(BIN)/python benches/expressions.py --rounds "$(ROUNDS)"

.PHONY: calls
calls: setup .venv-bench/.installed ## Measure what a call costs besides the kernel, from each container
	.venv-bench/bin/python benches/calls.py --rounds "$(ROUNDS)"

.PHONY: calibrate
calibrate: ## Compare the costs that the plan states with what this machine takes
	cargo bench -p fastscore-core --bench calibrate

.PHONY: format
format: setup ## Format the Rust and Python sources
	cargo fmt --all
	$(BIN)/ruff check --fix --quiet || true
	$(BIN)/ruff format

.PHONY: clean
clean: ## Remove all that was made here, .venv too
	rm -rf target .venv .venv-bench .versions benches/.cache .demo .hypothesis .mypy_cache .pytest_cache .ruff_cache
	rm -f python/fastscore/_core*.so
	find python tests benches demo -name __pycache__ -prune -exec rm -rf {} +
