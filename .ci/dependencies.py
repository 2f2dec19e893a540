#!/usr/bin/env python3
"""Fails on a dependency in a manifest of the workspace without a comment in the line above that says why it is there."""

import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
KIND = r"(?:target\..*\.)?(?:dev-|build-)?dependencies"


def unexplained(manifest):
    """The dependencies of a manifest without their reason."""
    above, inside = "", False
    for line in manifest.splitlines():
        explained = above.startswith("#")
        if line.startswith("["):
            inside = re.fullmatch(rf"\[{KIND}\]", line) is not None
            # a dependency that has a table of its own
            if (table := re.fullmatch(rf"\[{KIND}\.([\w-]+)\]", line)) and not explained:
                yield table[1]
        elif inside and (entry := re.match(r"([\w-]+)[\w.-]*\s*=", line)) and not explained:
            yield entry[1]
        above = line


# what checks is checked, too
EXAMPLE = """\
[dependencies]
# why
a.workspace = true
b = "1"
[target.'cfg(unix)'.dev-dependencies.c]
version = "1"
[features]
d = []
"""
assert list(unexplained(EXAMPLE)) == ["b", "c"], list(unexplained(EXAMPLE))

metadata = subprocess.run(
    ["cargo", "metadata", "--no-deps", "--format-version", "1"], cwd=ROOT, check=True, stdout=subprocess.PIPE
)
manifests = [pathlib.Path(package["manifest_path"]) for package in json.loads(metadata.stdout)["packages"]]
faults = [(manifest, name) for manifest in manifests for name in unexplained(manifest.read_text())]
for manifest, name in faults:
    print(f"{manifest.relative_to(ROOT)} does not say why {name} is there", file=sys.stderr)
sys.exit(1 if faults else 0)
