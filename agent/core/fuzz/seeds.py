"""Fills a fuzz target's corpus from the shared cases: python seeds.py TARGET CASES CORPUS"""

import base64
import binascii
import json
import sys
from pathlib import Path


def seeds(target: str, cases: Path) -> list[bytes]:
    """The inputs to begin with; each target takes those that have its form."""
    strings = [
        json.loads(path.read_text("utf-8"))["tw_policy"] for path in sorted(cases.glob("tw_policy/*/*.json"))
    ]
    patterns = json.loads((cases / "patterns.json").read_text("utf-8"))
    if target == "fuzz_policy":
        return [document for document in map(decoded, strings) if document]
    if target == "fuzz_base64":
        return [string.encode() for string in strings]
    if target == "fuzz_match":
        return [f"{row['pattern']}\0{row['value']}".encode() for row in patterns]
    if target == "fuzz_judge":
        return judged(cases)
    if target == "fuzz_script":
        return [b"#!/bin/sh -e\n", b"#! /usr/bin/env python\n", b"\x7fELF"]
    return [b"curl --password x https://a:b@c/?token=y", b"Authorization: Bearer z"]


def judged(cases: Path) -> list[bytes]:
    """Each entry of the judge's cases with the value that it is compared with."""
    found = set()
    for name, fact in (("outbound", "address"), ("names", "name"), ("files", "path")):
        for row in json.loads((cases / f"{name}.json").read_text("utf-8")):
            found |= {f"{entry}\0{row['facts'][fact]}" for entry in entries(row["rule"])}
    return [pair.encode() for pair in sorted(found)]


def entries(value: object) -> list[str]:
    """The strings in the lists of a rule, however deep."""
    if isinstance(value, dict):
        return [entry for part in value.values() for entry in entries(part)]
    return [entry for entry in value if isinstance(entry, str)] if isinstance(value, list) else []


def decoded(string: str) -> bytes:
    """The document in a string, or nothing where the string holds none."""
    try:
        return base64.b64decode(string, validate=True)
    except (binascii.Error, ValueError):
        return b""


def main() -> None:
    """Write the seeds that are not there yet."""
    target, cases, corpus = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    for number, seed in enumerate(seeds(target, cases)):
        (corpus / f"seed-{number}").write_bytes(seed)


if __name__ == "__main__":
    main()
