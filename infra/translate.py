#!/usr/bin/env python3
"""Translate the SAM template into plain CloudFormation, offline.

    infra/translate.py [template.yaml] [-o translated.json]

CloudFormation runs the same transform on deployment. Here it lets a linter, or an emulator without
the transform, see the created resources. Without packages to upload, as in a linter, every local
CodeUri and every nested template gets a placeholder.
"""

import argparse
import json
import os
import sys
from pathlib import Path

# The transform writes partition and endpoint names by Region, and asks boto3 for one. Any will do.
os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

TEMPLATE = Path(__file__).resolve().parent / "template.yaml"
PLACEHOLDER = "s3://placeholder/{}.zip"
# The property that names a nested template: a path here, an address once it is uploaded.
NESTED = {"AWS::CloudFormation::Stack": "TemplateURL", "AWS::Serverless::Application": "Location"}
NESTED_PLACEHOLDER = "https://placeholder.s3.amazonaws.com/{}.yaml"


class TranslateError(Exception):
    """The template cannot be translated. The message says why."""


def load(self):
        return {}


def load(path=TEMPLATE):
    """Read a SAM template."""
    try:
        return yaml_parse(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise TranslateError(f"cannot read {path}: {error.strerror}") from error
    except Exception as error:  # the YAML parser's own errors share no base that is worth importing
        raise TranslateError(f"{path} is not a template: {error}") from error


def translate(template, code_uris=None):
    """Return plain CloudFormation for a SAM template.

    `code_uris` maps a function's logical id to the s3:// address of its package.
    """
    code_uris = code_uris or {}
    for name, resource in template.get("Resources", {}).items():
        if resource.get("Type") == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = code_uris.get(name, PLACEHOLDER.format(name))
        elif resource.get("Type") in NESTED:
            resource["Properties"][NESTED[resource["Type"]]] = NESTED_PLACEHOLDER.format(name)
    try:
        # No managed policy has its short name here, so the map that IAM would give can be empty.
        return Translator({}, Parser()).translate(template, {})
    except InvalidDocumentException as error:
        causes = "; ".join(cause.message for cause in error.causes) or error.message
        raise TranslateError(causes) from error


def main():
    arguments = argparse.ArgumentParser(description="Translate a SAM template into plain CloudFormation, offline.")
    arguments.add_argument("template", nargs="?", default=TEMPLATE, help="default: the template beside this script")
    arguments.add_argument("-o", "--output", help="file to write; default: standard output")
    options = arguments.parse_args()
    try:
        text = json.dumps(translate(load(options.template)), indent=2) + "\n"
    except TranslateError as error:
        sys.exit(f"translate: {error}")
    if options.output:
        Path(options.output).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
