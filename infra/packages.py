#!/usr/bin/env python3
"""Build the zips that Lambda runs, the same bytes from the same functions, and check them.

    infra/packages.py pack target/package arm64=target/built/arm64 x86_64=target/built/x86_64
    infra/packages.py check-build target/lambda arm64
    infra/packages.py check-sam infra/template.yaml target/sam x86_64

`pack` takes the results of `cargo lambda build --output-format zip` for each architecture. It writes
FUNCTION-ARCHITECTURE.zip, SHA256SUMS, and CODE_SHA256: the same checksums as Lambda reports them. Each
function must be one executable file named bootstrap, for that architecture. Anything else is an
error, with exit code 1.

Only `check-sam` needs infra/requirements.lock installed.
"""

import argparse
import base64
import hashlib
import struct
import sys
import zipfile
from pathlib import Path

FUNCTIONS = ("lifecycle-drainer", "capacity-calculator")
BOOTSTRAP = "bootstrap"
MODE = 0o100755
# e_machine of ELF's header.
MACHINES = {"x86_64": 62, "arm64": 183}
# The earliest time of a zip. With the time of the build, every build would be another file.
EPOCH = (1980, 1, 1, 0, 0, 0)
UNIX = 3


class PackageError(Exception):
    """Lambda could not run a package. The message says why."""


def check_bootstrap(data, architecture, where):
    """Check that a file is a program for Linux on that architecture."""
    if len(data) < 20 or data[:6] != b"\x7fELF\x02\x01":
        raise PackageError(f"{where} is no 64-bit ELF program")
    (machine,) = struct.unpack_from("<H", data, 18)
    if machine != MACHINES[architecture]:
        names = {number: name for name, number in MACHINES.items()}
        raise PackageError(f"{where} is for {names.get(machine, f'machine {machine}')}, not for {architecture}")


def read(path):
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise PackageError(f"cannot read {path}: {error.strerror}") from error


def read_zip(path, architecture):
    """Return the bootstrap of a zip that has nothing else in it."""
    try:
        with zipfile.ZipFile(path) as package:
            entries = package.infolist()
            if [entry.filename for entry in entries] != [BOOTSTRAP]:
                raise PackageError(f"{path} holds {[entry.filename for entry in entries]}, not {BOOTSTRAP} alone")
            mode = entries[0].external_attr >> 16
            if mode != MODE:
                raise PackageError(f"{path}: {BOOTSTRAP} has mode {mode:o}, not {MODE:o}")
            data = package.read(entries[0])
    except (OSError, zipfile.BadZipFile) as error:
        raise PackageError(f"cannot read {path}: {error}") from error
    check_bootstrap(data, architecture, f"{path}: {BOOTSTRAP}")
    return data


def write_zip(path, bootstrap):
    entry = zipfile.ZipInfo(BOOTSTRAP, EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = UNIX
    entry.external_attr = MODE << 16
    with zipfile.ZipFile(path, "w") as package:
        package.writestr(entry, bootstrap, compresslevel=9)


def pack(folder, builds):
    folder.mkdir(parents=True, exist_ok=True)
    # Zips of other architectures from earlier builds: the checksums would not cover them.
    for stale in folder.iterdir():
        stale.unlink()
    sums, code_sums = [], []
    for architecture, build in builds:
        for function in FUNCTIONS:
            package = folder / f"{function}-{architecture}.zip"
            write_zip(package, read_zip(build / function / "bootstrap.zip", architecture))
            read_zip(package, architecture)
            digest = hashlib.sha256(read(package))
            sums.append(f"{digest.hexdigest()}  {package.name}\n")
            code_sums.append(f"{base64.b64encode(digest.digest()).decode()}  {package.name}\n")
    (folder / "SHA256SUMS").write_text("".join(sums), encoding="ascii")
    (folder / "CODE_SHA256").write_text("".join(code_sums), encoding="ascii")
    return [line.split()[1] for line in sums]


def check_build(folder, architecture):
    """Check the zips that `cargo lambda deploy` would take from a folder."""
    for function in FUNCTIONS:
        read_zip(folder / function / "bootstrap.zip", architecture)
        # `sam build` leaves it, and `cargo lambda deploy` prefers it to the zip.
        stale = folder / function / BOOTSTRAP
        if stale.exists():
            raise PackageError(f"{stale} lies beside its zip, from another build")
    return list(FUNCTIONS)


def functions(template, path):
    """Yield each function of a template and of nested ones: its name, and the path of its code."""
    # Only the check of a SAM build needs PyYAML and the short forms of CloudFormation's functions.
    from translate import TranslateError, load

    try:
        resources = load(path)["Resources"]
    except TranslateError as error:
        raise PackageError(str(error)) from error
    for name, resource in resources.items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function":
            yield f"{template}{name}", path.parent / properties["CodeUri"]
        elif resource["Type"] in ("AWS::CloudFormation::Stack", "AWS::Serverless::Application"):
            location = properties.get("TemplateURL", properties.get("Location"))
            yield from functions(f"{template}{name}/", path.parent / location)


def check_sam(source, folder, architecture):
    """Check that the result of `sam build` has the template's functions, each with its program."""
    wanted = {name for name, _ in functions("", source)}
    built = dict(functions("", folder / "template.yaml"))
    if not wanted or wanted != set(built):
        raise PackageError(f"{source} has the functions {sorted(wanted)}, {folder} has {sorted(built)}")
    for code in built.values():
        bootstrap = code / BOOTSTRAP
        check_bootstrap(read(bootstrap), architecture, bootstrap)
        if bootstrap.stat().st_mode != MODE:
            raise PackageError(f"{bootstrap} has mode {bootstrap.stat().st_mode:o}, not {MODE:o}")
    return sorted(wanted)


def build(text):
    architecture, _, folder = text.partition("=")
    if architecture not in MACHINES or not folder:
        raise argparse.ArgumentTypeError("expected arm64=FOLDER or x86_64=FOLDER")
    return architecture, Path(folder)


def main():
    parser = argparse.ArgumentParser(prog="packages", description="Build the zips that Lambda runs, and check them.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("pack", help="zips with their sums")
    command.add_argument("folder", type=Path, help="output folder, emptied first")
    command.add_argument("builds", type=build, nargs="+", metavar="ARCHITECTURE=FOLDER")
    command = commands.add_parser("check-build", help="the result of `cargo lambda build`")
    command.add_argument("folder", type=Path)
    command.add_argument("architecture", choices=MACHINES)
    command = commands.add_parser("check-sam", help="the result of `sam build`")
    command.add_argument("source", type=Path, help="the template")
    command.add_argument("folder", type=Path, help="its --build-dir")
    command.add_argument("architecture", choices=MACHINES)
    options = vars(parser.parse_args())
    run = {"pack": pack, "check-build": check_build, "check-sam": check_sam}[options.pop("command")]
    try:
        print(f"packages: sound: {', '.join(run(**options))}")
    except PackageError as error:
        sys.exit(f"packages: {error}")


if __name__ == "__main__":
    main()
