# The front door: each target sets up what it needs, says what it installs, and does its work. `make help` lists them.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.SILENT:
.DEFAULT_GOAL := help

# A fresh clone in CI finds the compiled dependencies of the run before outside of the clone.
ifeq ($(CI),true)
export CARGO_TARGET_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/tandem/target
endif
ifdef CARGO_TARGET_DIR
override CARGO_TARGET_DIR := $(abspath $(CARGO_TARGET_DIR))
export TANDEM_SITE ?= $(CARGO_TARGET_DIR)/site
TARGET := $(CARGO_TARGET_DIR)
else
TARGET := $(CURDIR)/target
endif

.PHONY: help demo test build check bench bench-large dev setup

help: ## Say what can be made
	sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

demo: ## Two PostgreSQL servers, two nodes, a first sync, and the panel; Ctrl-C ends it (ARGS=--exit: after the sync)
	scripts/setup.sh rust cc wasm postgres
	scripts/build.sh dev
	exec "$(TARGET)/debug/tandem" demo $(ARGS)

test: ## Run every test, the browser's included
	scripts/test.sh

build: ## Make target/release/tandem: one file, the panel embedded
	scripts/setup.sh rust cc wasm
	scripts/build.sh release
	if [ "$(TARGET)" != "$(CURDIR)/target" ]; then install -D "$(TARGET)/release/tandem" target/release/tandem; fi
	ls -l target/release/tandem

check: ## The fast part of the tests: format, lints, the rule of who imports whom
	scripts/setup.sh rust cc lint
	scripts/check.sh

bench: ## Measure against pg_dump, psql and COPY, and write BENCHMARKS.md
	scripts/setup.sh rust cc wasm postgres
	scripts/build.sh release
	cargo run --quiet -p xtask -- bench

bench-large: ## The same once with a database of 10 GB: half an hour, 35 GB of disk
	scripts/setup.sh rust cc wasm postgres
	scripts/build.sh release
	cargo run --quiet -p xtask -- bench --large

dev: ## The demo, built again and started again at every change
	scripts/setup.sh rust cc wasm postgres
	scripts/dev.sh

setup: ## Install everything that the targets above need
	scripts/setup.sh
