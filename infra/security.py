#!/usr/bin/env python3
"""Check the security of every template below this folder, offline.

    infra/security.py [--checkov .venv-checkov/bin/checkov] [--exceptions security-exceptions.txt] [template.yaml ...]

A SAM template is translated first, because checkov sees few of its resources. Each finding must be
fixed, or have an exception with the reason in security-exceptions.txt. An exception without a finding
fails as well.
"""

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from translate import TranslateError, load, translate

HERE = Path(__file__).resolve().parent
EXCEPTIONS = HERE / "security-exceptions.txt"
CHECKOV = HERE.parent / ".venv-checkov" / "bin" / "checkov"
# Nothing is fetched and nothing is sent: no policies, no descriptions, no findings.
OPTIONS = ["--framework", "cloudformation", "--skip-download", "--compact", "--output", "json", "--soft-fail"]

# A resource with a fault, added to each template. If checkov does not find it, checkov did not read
# the template. For some templates it has no other finding.
CANARY = ("Canary", "CKV_AWS_27")

# From the second template on, the translator warns that it sent its metrics to nobody.
logging.getLogger("samtranslator.metrics").setLevel(logging.ERROR)


class SecurityError(Exception):
    """The templates cannot be checked. The message says why, in one line."""


def name_of(path):
    """Return a template's name in findings and exceptions: its path from this folder."""
    path = Path(path).resolve()
    return str(path.relative_to(HERE)) if path.is_relative_to(HERE) else str(path)


def templates():
    """Every template below this folder."""
    return sorted(path for path in HERE.rglob("*.yaml") if "Resources:" in path.read_text(encoding="utf-8").splitlines())


def plain(path):
    template = load(path)
    template = translate(template) if "Transform" in template else template
    template["Resources"][CANARY[0]] = {"Type": "AWS::SQS::Queue"}
    return template


def exceptions(path):
    """(template, resource, check) -> reason, one a line."""
    found = {}
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split(None, 3)
        if len(fields) < 4:
            raise SecurityError(f"{path}:{number}: expected template, resource, check and the reason")
        found[tuple(fields[:3])] = fields[3]
    return found


def findings(checkov, paths):
    """Map (template, resource, check) to the check's name. One run for all: starting takes longest."""
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for number, path in enumerate(paths):
            file = Path(folder) / f"{number}.json"
            file.write_text(json.dumps(plain(path)), encoding="utf-8")
            files[f"/{file.name}"] = name_of(path)
        # Away from this folder's and this user's configuration.
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": folder, "LOG_LEVEL": "ERROR"}
        try:
            run = subprocess.run(
                [checkov, "--directory", folder, *OPTIONS], cwd=folder, env=environment, capture_output=True, text=True
            )
        except OSError as error:
            raise SecurityError(f"cannot run {checkov}: {error.strerror}") from error
        try:
            report = json.loads(run.stdout)
            failed = report["results"]["failed_checks"]
        except (ValueError, KeyError, TypeError) as error:
            said = " ".join((run.stderr or run.stdout).split())
            raise SecurityError(f"{checkov} gave no report: {said or error!r}") from error
    found = {
        (files[check["file_path"]], check["resource"].rpartition(".")[2], check["check_id"]): check["check_name"]
        for check in failed
    }
    unread = [template for template in files.values() if not found.pop((template, *CANARY), None)]
    if unread:
        raise SecurityError(f"{checkov} did not read {', '.join(unread)}")
    return found


def main():
    parser = argparse.ArgumentParser(prog="security", description="Check the security of the templates, offline.")
    parser.add_argument("templates", nargs="*", help="default: every template below this script's folder")
    parser.add_argument("--checkov", default=CHECKOV, help="default: %(default)s")
    parser.add_argument("--exceptions", default=EXCEPTIONS, help="default: %(default)s")
    options = parser.parse_args()
    paths = [Path(path) for path in options.templates] or templates()
    try:
        found = findings(str(Path(options.checkov).absolute()), paths)
        # With some templates only, the exceptions of the others do not matter.
        checked = {name_of(path) for path in paths} if options.templates else None
        excepted = {key for key in exceptions(options.exceptions) if checked is None or key[0] in checked}
    except (SecurityError, TranslateError, OSError) as error:
        sys.exit(f"security: {error}")
    for template, resource, check in sorted(set(found) - excepted):
        print(f"security: {template}: {resource}: {check}: {found[template, resource, check]}", file=sys.stderr)
    for template, resource, check in sorted(excepted - set(found)):
        print(f"security: {template}: {resource}: {check} is excepted and not found: remove the exception", file=sys.stderr)
    if set(found) != excepted:
        sys.exit(1)
    names = ", ".join(name_of(path) for path in paths)
    print(f"security: nothing insecure in {names} but {len(excepted)} exceptions with their reasons")


if __name__ == "__main__":
    main()
