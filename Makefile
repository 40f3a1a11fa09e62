# SPDX-License-Identifier: Apache-2.0
# Two commands on a fresh Debian 12 with Swift 6.3: make run, make test.
# Each installs what it misses first; a second time neither needs the network.

SCRIPTS := deploy/scripts

# Where make run listens: 8000 and 9102 unless given, as in make run PORT=8080.
export PORT METRICS_PORT
# How often make fuzz runs each target, as in make fuzz RUNS=1000000.
export RUNS

.PHONY: help run test lint fuzz build sanitize bench clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## build weir and run it in front of a small Flask application (PORT, METRICS_PORT)
	@$(SCRIPTS)/install build demo
	@$(SCRIPTS)/build
	@$(SCRIPTS)/foreground $(SCRIPTS)/run-demo .build/release/weir

test: ## check the format, build, and run every test
	@$(SCRIPTS)/install build test
	@$(SCRIPTS)/test

lint: ## check the format of Swift, shell and Dockerfile
	@$(SCRIPTS)/install lint
	@$(SCRIPTS)/lint

fuzz: ## fuzz the parsers and HTTP/2, each RUNS times (10000000 unless given)
	@$(SCRIPTS)/install build
	@$(SCRIPTS)/fuzz

build: ## build .build/release/weir
	@$(SCRIPTS)/install build
	@$(SCRIPTS)/build

sanitize: ## soak and unit tests under AddressSanitizer and ThreadSanitizer (SOAK_SECONDS)
	@$(SCRIPTS)/install build test
	@$(SCRIPTS)/sanitize

bench: ## measure weir against others (benchmarks/README.md)
	@$(SCRIPTS)/install build demo
	@$(SCRIPTS)/build
	@benchmarks/run --install

clean: ## remove what the above made here
	rm -rf .build .build-asan .build-tsan .venv .tools
