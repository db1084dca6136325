#!/bin/sh
# Check what the first build needs, and name what is missing, one line each.
#
#     infra/prerequisites.sh
#
# PYTHON names another interpreter than python3.
set -u

python=${PYTHON:-python3}
status=0

missing() {
    echo "prerequisites: $1" >&2
    status=1
}

command -v cc >/dev/null || missing "no C compiler (cc): install gcc or clang"
if ! command -v cargo >/dev/null || ! command -v rustup >/dev/null; then
    missing "no Rust by rustup (cargo, rustup): see https://rustup.rs"
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
    missing "no Python 3.10 or newer ($python): install it, or run make PYTHON=python3.12"
elif ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    missing "$python has no venv: install python3-venv"
fi
exit "$status"
