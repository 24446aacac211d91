# What one types while working on chatserver. `make` alone lists the targets.
#   PYTHON=...  the interpreter for .venv         MONGOD=...  a mongod of your own
#   PORT, DATA  of `make run`                     ARGS=...    more arguments for the command
#   IMAGE=...   the name of the server's image

PORT ?= 4000
DATA ?= data
ARGS ?=
IMAGE ?= chatserver
# Several processes share the tests, by module or class; what takes long begins first. They wait half of their
# time, for disks and processes that start, so there are twice as many processes as processors.
WORKERS := $(shell expr `getconf _NPROCESSORS_ONLN` \* 2)
SHARED = --dist loadscope --no-loadscope-reorder
# The tests that have a target of their own. `make test` runs all others.
PAGE = tests/page tests/browser
DOCS = tests/docs tests/cli tests/backup tests/drill tests/movingin
FAULTS = tests/faults tests/handover tests/uploads
DEPLOY = tests/operation

# deploy/make-venv says if it is no program. The server is told of it, tests find it on the PATH.
ifdef MONGOD
export PATH := $(dir $(abspath $(MONGOD))):$(PATH)
export MONGOD
endif
ifdef PYTHON
export PYTHON
endif
# Tests start hundreds of servers and commands, each of which would compile the code anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run test test-page test-docs test-faults test-deploy test-all observe bench bench-peers autobahn fuzz faults lint format \
	docs dist image sbom locks clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

run: ## start a server on http://localhost:4000, with its own MongoDB
	@deploy/make-venv mongod graphiql
	@exec .venv/bin/chatserver dev --port $(PORT) --data "$(DATA)" $(if $(MONGOD),--set "plugin.mongo.mongod=$(abspath $(MONGOD))") $(ARGS)

test: ## run the tests of the server: under 15 minutes on two cores
	@deploy/make-venv test
	.venv/bin/python -m pytest -n $(WORKERS) $(SHARED) $(addprefix --ignore ,$(PAGE) $(DOCS) $(FAULTS) $(DEPLOY)) $(ARGS)

test-page: ## run those of the page, in Chromium and node
	@deploy/make-venv test
	@# A browser works on several cores: more of them at once only keep each other waiting.
	.venv/bin/python -m pytest -n 3 $(SHARED) $(PAGE) $(ARGS)

test-docs: ## run every command and example of docs/, and the tests of commands, backups and moving in
	@deploy/make-venv test
	.venv/bin/python -m pytest -n $(WORKERS) $(SHARED) $(DOCS) $(ARGS)

test-faults: ## run those of faults, restarts and uploads
	@deploy/make-venv test
	@# These wait more than they work, and must not compete with tests that work.
	.venv/bin/python -m pytest -n 4 $(SHARED) $(FAULTS) $(ARGS)

test-deploy: ## run the files of deploy/ with the tools they are for (Debian, root)
	@deploy/make-venv test
	@deploy/make-tools
	.venv/bin/python -m pytest -n 2 $(SHARED) $(DEPLOY) $(ARGS)

test-all: test test-page test-docs test-faults test-deploy ## run them all, as .ci/run does

observe: ## start Prometheus and Alertmanager beside `make run`
	@exec deploy/observe/beside --server $(PORT) $(ARGS)

bench: ## measure the server, beside the plain Tornado way
	@deploy/make-venv test
	.venv/bin/python -m tests.bench $(ARGS)

bench-peers: ## measure it beside plain servers in Node and Tornado, and Apollo Server
	@deploy/make-venv test node
	.venv/bin/python -m tests.bench.comparison $(ARGS)

autobahn: ## all cases of the Autobahn WebSocket suite (needs Python 2.7)
	@deploy/make-venv test
	.venv/bin/python -m tests.autobahn $(ARGS)

fuzz: ## send hostile input to every door for an hour
	@deploy/make-venv test
	.venv/bin/python -m tests.fuzz $(ARGS)

faults: ## the fault tests in their long form, with their figures
	@deploy/make-venv test
	FAULTS=long .venv/bin/python -m pytest -n 3 $(SHARED) tests/faults $(ARGS)

lint: ## ruff and mypy, and for the page eslint and tsc
	@deploy/make-venv test lint
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	@# mypy does not follow setup.cfg's package_dir, so it gets the import names as links.
	@mkdir -p .venv/types
	@for name in plugins static config; do ln -sfn ../../$$name .venv/types/chatserver_$$name; done
	MYPYPATH=.venv/types .venv/bin/mypy -p chatserver -p chatserver_plugins
	deploy/page-tools eslint --config tests/page/eslint.config.js .
	deploy/page-tools tsc --project tests/page/tsconfig.json
	deploy/page-tools tsc --project tests/page/tsconfig.elements.json
	deploy/page-tools tsc --project tests/page/tsconfig.client.json

format: ## let ruff rewrite what it can
	@deploy/make-venv test lint
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

docs: ## write the generated pages again
	@deploy/make-venv test
	.venv/bin/python docs/generate.py

dist: ## build the source distribution, the wheel, and the client for JavaScript
	@deploy/make-venv test lint
	rm -rf dist
	.venv/bin/python -m build $(if $(LOCKED),--no-isolation) --outdir dist .
	@rm -rf *.egg-info # which would hide what is installed later, with its plugins
	@if command -v npm >/dev/null; then deploy/pack-client dist; else echo "no npm: the client for JavaScript is not packed"; fi

image: ## build the server's image (ENGINE: docker, podman or buildah)
	deploy/image/build $(IMAGE) $(ARGS)

sbom: ## list what the image holds, as CycloneDX, in dist/sbom.cdx.json
	@mkdir -p dist
	python3 deploy/image/sbom.py $(IMAGE) >dist/sbom.cdx.json

locks: ## lock the versions and hashes of what the image and CI install
	@deploy/make-venv test lint
	deploy/make-locks $(ARGS)

clean: ## remove what the other targets made, but no data
	rm -rf .venv .tools tests/page/node_modules tests/bench/node/node_modules build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
