#!/usr/bin/env python3
"""Write the inputs and outputs of the Terraform module into its README.md.

    infra/terraform_readme.py          # writes
    infra/terraform_readme.py --check  # fails if README.md differs

It reads only the form of these files that `terraform fmt` produces, one attribute a line.
"""

import json
import re
import sys
from pathlib import Path

MODULE = Path(__file__).resolve().parent / "terraform"
README = MODULE / "README.md"
BEGIN = "<!-- infra/terraform_readme.py writes the lines from here -->\n"
END = "<!-- to here -->\n"


def blocks(kind, file):
    """Yield the name and the attributes of each block of a kind."""
    text = (MODULE / file).read_text(encoding="utf-8")
    for name, body in re.findall(rf'^{kind} "(\w+)" {{\n(.*?)^}}$', text, re.MULTILINE | re.DOTALL):
        yield name, dict(re.findall(r"^  (\w+) += (.+)$", body, re.MULTILINE))


def cell(text):
    return json.loads(text).replace("|", "\\|")


def tables():
    rows = ["## Inputs", "", "| variable | type | default | meaning |", "| --- | --- | --- | --- |"]
    for name, found in blocks("variable", "variables.tf"):
        default = f"`{found['default']}`" if "default" in found else "required"
        rows.append(f"| `{name}` | {found['type']} | {default} | {cell(found['description'])} |")
    rows += ["", "## Outputs", "", "| output | meaning |", "| --- | --- |"]
    rows += [f"| `{name}` | {cell(found['description'])} |" for name, found in blocks("output", "outputs.tf")]
    return "\n".join(rows) + "\n"


def main():
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    wanted = f"{before}{BEGIN}\n{tables()}\n{END}{after}"
    if sys.argv[1:] == ["--check"]:
        if text != wanted:
            sys.exit("terraform_readme: infra/terraform/README.md is out of date: run make terraform-readme")
    elif sys.argv[1:]:
        sys.exit("usage: infra/terraform_readme.py [--check]")
    else:
        README.write_text(wanted, encoding="utf-8")


if __name__ == "__main__":
    main()
