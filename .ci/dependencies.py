#!/usr/bin/env python3
"""Checks what the workspace depends on, by the word of `cargo metadata` and the rules of `.ci/deny.toml`.

It fails on a licence that is not allowed, a source other than crates.io, a crate without a checksum, a crate in two
versions that nobody has answered for (or an answer that is no longer needed), and a dependency without a comment that
says why it is there. Advisories and yanked versions it cannot see: they need a database that is elsewhere.
"""

import collections
import json
import pathlib
import re
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
RULES = tomllib.loads((ROOT / ".ci/deny.toml").read_text())
CRATES_IO = "registry+" + RULES["sources"]["allow-registry"][0]


def satisfied(expression, allowed):
    """Whether an SPDX expression can be met with these licences; the old `/` is OR."""
    words = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))

    def alternatives():
        met = conjunction()
        while words and words[0] == "OR":
            words.pop(0)
            # both sides are read, whatever the first says
            other = conjunction()
            met = met or other
        return met

    def conjunction():
        met = term()
        while words and words[0] == "AND":
            words.pop(0)
            other = term()
            met = met and other
        return met

    def term():
        word = words.pop(0)
        if word == "(":
            met = alternatives()
            if not words or words.pop(0) != ")":
                raise ValueError(f"no end of a bracket in {expression!r}")
            return met
        if words and words[0] == "WITH":
            words.pop(0)
            word += " WITH " + words.pop(0)
        return word in allowed

    met = alternatives()
    if words:
        raise ValueError(f"{words[0]!r} is out of place in {expression!r}")
    return met


def unexplained(path):
    """The dependencies of a manifest without a comment in the line above."""
    before, inside = "", False
    for line in path.read_text().splitlines():
        if line.startswith("["):
            inside = bool(re.fullmatch(r"\[(target\..*\.)?(dev-|build-)?dependencies\]", line.strip()))
            table = re.fullmatch(r"\[(?:target\..*\.)?(?:dev-|build-)?dependencies\.([\w-]+)\]", line.strip())
            if table and not before.startswith("#"):
                yield table[1]
        elif inside and (found := re.match(r"([\w-]+)(\.workspace)?\s*=", line)) and not before.startswith("#"):
            yield found[1]
        before = line


def faults():
    """Everything that is wrong, in words."""
    metadata = subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--locked", "--all-features"],
        cwd=ROOT, check=True, stdout=subprocess.PIPE,
    )
    packages = json.loads(metadata.stdout)["packages"]
    allowed = set(RULES["licenses"]["allow"])
    for package in packages:
        name = f"{package['name']} {package['version']}"
        licence = package["license"]
        try:
            if not licence or not satisfied(licence, allowed):
                yield f"{name} has the licence {licence!r}, which is not allowed"
        except (ValueError, IndexError) as error:
            yield f"{name} has a licence that cannot be read: {error}"
        if package["source"] is None:
            if not pathlib.Path(package["manifest_path"]).is_relative_to(ROOT):
                yield f"{name} comes from {package['manifest_path']}"
        elif package["source"] != CRATES_IO:
            yield f"{name} comes from {package['source']}"

    for package in tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]:
        if "source" in package and "checksum" not in package:
            yield f"{package['name']} {package['version']} has no checksum in Cargo.lock"

    count = collections.Counter(package["name"] for package in packages)
    twice = {name for name, versions in count.items() if versions > 1}
    answered = set(RULES["bans"]["skip"])
    for name in sorted(twice - answered):
        yield f"{name} is there in {count[name]} versions, answer for it in .ci/deny.toml"
    for name in sorted(answered - twice):
        yield f"{name} is there in one version, .ci/deny.toml need not answer for it any more"

    for package in packages:
        if package["source"] is None:
            manifest = pathlib.Path(package["manifest_path"])
            for name in unexplained(manifest):
                yield f"{manifest.relative_to(ROOT)} does not say why {name} is there"
    yield from wildcards()
    print(f"{len(packages)} packages, {len(twice)} of them in more than one version")


def wildcards():
    """Dependencies of the workspace that name no version, or one from elsewhere than crates.io."""
    for name, wanted in tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["dependencies"].items():
        table = {"version": wanted} if isinstance(wanted, str) else wanted
        if "*" in table.get("version", "*"):
            yield f"Cargo.toml names no version of {name}"
        if "git" in table:
            yield f"Cargo.toml takes {name} from {table['git']}"


def check_itself():
    """What is checked with is checked, too."""
    allowed = {"MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"}
    for expression, due in [
        ("MIT", True), ("GPL-3.0-only", False), ("MIT OR GPL-3.0-only", True), ("MIT AND GPL-3.0-only", False),
        ("GPL-3.0-only/MIT", True), ("(MIT OR GPL-3.0-only) AND Apache-2.0", True),
        ("(MIT OR Apache-2.0) AND GPL-3.0-only", False), ("Apache-2.0 WITH LLVM-exception OR X", True),
        ("Apache-2.0 WITH Other", False),
    ]:
        assert satisfied(expression, allowed) is due, expression


check_itself()
found = list(faults())
for fault in found:
    print(fault, file=sys.stderr)
sys.exit(1 if found else 0)
