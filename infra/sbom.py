#!/usr/bin/env python3
"""Write a bill of materials beside each package: the crates that it is built from, in CycloneDX.

    infra/sbom.py target/package

For each FUNCTION-ARCHITECTURE.zip it writes FUNCTION-ARCHITECTURE.cdx.json and adds its checksum to
SHA256SUMS. Cargo lists the crates, macros included, without those of tests and build scripts. The
same package has the same bill.

Needs infra/requirements.lock installed, and Cargo.
"""

import argparse
import hashlib
import re
import subprocess
import sys
import uuid
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

TARGETS = {"arm64": "aarch64-unknown-linux-gnu", "x86_64": "x86_64-unknown-linux-gnu"}
NAME = re.compile(rf"(?P<function>.+)-(?P<architecture>{'|'.join(TARGETS)})\.zip")
# `3tokio v1.50.0 (proc-macro)|MIT`: the depth, the crate and its license; (*) if listed before.
LINE = re.compile(
    r"(?P<depth>\d+)(?P<name>[\w-]+) v(?P<version>\S+)(?: \(proc-macro\))?(?P<own> \(/[^)]*\))?"
    r"\|(?P<license>[^|]*?)(?: \(\*\))?"
)
LOCKED = re.compile(r'\[\[package\]\]\nname = "(.+)"\nversion = "(.+)"\nsource = .+\nchecksum = "(.+)"\n')


class SbomError(Exception):
    """There is no bill of materials; the message says why."""


def tree(function, target):
    """What Cargo builds a function from for a target, in its order: the depth, and the crate."""
    command = ["cargo", "tree", "--locked", "--package", function, "--edges", "normal", "--target", target]
    command += ["--prefix", "depth", "--format", "{p}|{l}"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    if told.returncode:
        raise SbomError(f"cargo tree: {told.stderr.strip()}")
    for line in filter(None, told.stdout.splitlines()):
        found = LINE.fullmatch(line)
        if not found:
            raise SbomError(f"cargo tree printed {line!r}")
        yield int(found["depth"]), found


def component(crate, checksums):
    name, version = crate["name"], crate["version"]
    if crate["own"]:
        return Component(name=name, version=version, type=ComponentType.LIBRARY, bom_ref=f"{name}@{version}", licenses=licenses(crate))
    checksum = checksums.get((name, version))
    if checksum is None:
        raise SbomError(f"Cargo.lock has no checksum of {name} {version}")
    return Component(
        name=name, version=version, type=ComponentType.LIBRARY, bom_ref=f"{name}@{version}", licenses=licenses(crate),
        purl=PackageURL("cargo", name=name, version=version), hashes=[HashType(alg=HashAlgorithm.SHA_256, content=checksum)],
    )


def licenses(crate):
    """SPDX; some crates still write the slash that Cargo once took for OR."""
    return [LicenseFactory().make_from_string(crate["license"].replace("/", " OR "))] if crate["license"] else []


def bill(package, checksums):
    """The bill of a package."""
    found = NAME.fullmatch(package.name)
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    bom, known, path = Bom(), {}, []
    # Neither a time nor a random number: the same package has the same bill.
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_URL, digest)
    bom.metadata.timestamp = None
    dependencies = {}
    for depth, crate in tree(found["function"], TARGETS[found["architecture"]]):
        reference = f"{crate['name']}@{crate['version']}"
        if reference not in known:
            known[reference] = component(crate, checksums)
            dependencies[reference] = set()
        path[depth:] = [reference]
        if depth:
            dependencies[path[depth - 1]].add(reference)
    root = known.pop(path[0])
    root.type = ComponentType.APPLICATION
    root.hashes = [HashType(alg=HashAlgorithm.SHA_256, content=digest)]
    root.description = f"{package.name}, for {found['architecture']}"
    bom.metadata.component = root
    bom.components = known.values()
    known[path[0]] = root
    for reference, needed in dependencies.items():
        bom.register_dependency(known[reference], [known[other] for other in needed])
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def write(folder):
    checksums = {(name, version): checksum for name, version, checksum in LOCKED.findall(Path("Cargo.lock").read_text(encoding="utf-8"))}
    packages = sorted(path for path in folder.glob("*.zip") if NAME.fullmatch(path.name))
    if not packages:
        raise SbomError(f"{folder} has no package: run make package")
    bills = []
    with (folder / "SHA256SUMS").open("a", encoding="ascii") as sums:
        for package in packages:
            path = package.with_suffix(".cdx.json")
            path.write_text(bill(package, checksums), encoding="utf-8")
            sums.write(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n")
            bills.append(path.name)
    return bills


def main():
    parser = argparse.ArgumentParser(prog="sbom", description="Write a bill of materials beside each package.")
    parser.add_argument("folder", type=Path, help="where `packages.py pack` left the packages")
    try:
        print(f"sbom: {', '.join(write(parser.parse_args().folder))}")
    except SbomError as error:
        sys.exit(f"sbom: {error}")


if __name__ == "__main__":
    main()
