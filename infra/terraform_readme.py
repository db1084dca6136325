#!/usr/bin/env python3
"""Write the inputs and outputs of each Terraform module into its README.md.

    infra/terraform_readme.py          # writes
    infra/terraform_readme.py --check  # fails if a README.md differs

It reads only the form of these files that `terraform fmt` produces, one attribute a line.
"""

import json
import re
import sys
from pathlib import Path

MODULE = Path(__file__).resolve().parent / "terraform"
MODULES = [MODULE, MODULE / "group"]
BEGIN = "<!-- infra/terraform_readme.py writes the lines from here -->\n"
END = "<!-- to here -->\n"


def blocks(kind, file):
    """Yield the name and the attributes of each block of a kind."""
    text = file.read_text(encoding="utf-8")
    for name, body in re.findall(rf'^{kind} "(\w+)" {{\n(.*?)^}}$', text, re.MULTILINE | re.DOTALL):
        yield name, dict(re.findall(r"^  (\w+) += (.+)$", body, re.MULTILINE))


def cell(text):
    return json.loads(text).replace("|", "\\|")


def tables(module):
    rows = ["## Inputs", "", "| variable | type | default | meaning |", "| --- | --- | --- | --- |"]
    for name, found in blocks("variable", module / "variables.tf"):
        default = f"`{found['default']}`" if "default" in found else "required"
        kind = found["type"].split("(")[0]
        rows.append(f"| `{name}` | {kind} | {default} | {cell(found['description'])} |")
    rows += ["", "## Outputs", "", "| output | meaning |", "| --- | --- |"]
    rows += [f"| `{name}` | {cell(found['description'])} |" for name, found in blocks("output", module / "outputs.tf")]
    return "\n".join(rows) + "\n"


def main():
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit("usage: infra/terraform_readme.py [--check]")
    for module in MODULES:
        readme = module / "README.md"
        text = readme.read_text(encoding="utf-8")
        before, rest = text.split(BEGIN)
        _, after = rest.split(END)
        wanted = f"{before}{BEGIN}\n{tables(module)}\n{END}{after}"
        if not sys.argv[1:]:
            readme.write_text(wanted, encoding="utf-8")
        elif text != wanted:
            sys.exit(f"terraform_readme: {readme} is out of date: run make terraform-readme")


if __name__ == "__main__":
    main()
