"""Fills a fuzz target's corpus from the shared cases: python seeds.py TARGET CASES CORPUS"""

import base64
import binascii
import json
import struct
import sys
from pathlib import Path


def seeds(target: str, cases: Path) -> list[bytes]:
    """The inputs to begin with; each target takes those that have its form."""
    strings = [
        json.loads(path.read_text("utf-8"))["tw_policy"] for path in sorted(cases.glob("tw_policy/*/*.json"))
    ]
    patterns = json.loads((cases / "patterns.json").read_text("utf-8"))
    return {
        "fuzz_policy": [document for document in map(decoded, strings) if document],
        "fuzz_base64": [string.encode() for string in strings],
        "fuzz_match": [f"{row['pattern']}\0{row['value']}".encode() for row in patterns],
        "fuzz_judge": judged(cases),
        "fuzz_dns": dns_messages(),
        "fuzz_elf": [dynamic_object(b"x"), dynamic_object(b"libc.so.6")],
        "fuzz_paths": [b"\xff/var/task\0../x//y/./z", b"\x02/\0/a/b", b"\x10\0/..", b"\x04/a/b\0../../../d"],
        "fuzz_parent": [
            b"1;7;9;49;1;2;0;51;1;3;python3.11;/a:/b%20c;AWS_REGION=x;",
            b"1;1;1;1;1;1;1;1;1;1;;;",
        ],
        "fuzz_script": [b"#!/bin/sh -e\n", b"#! /usr/bin/env python\n", b"\x7fELF"],
        "fuzz_scrub": [b"curl --password x https://a:b@c/?token=y", b"Authorization: Bearer z"],
    }[target]


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


def dynamic_object(soname: bytes) -> bytes:
    """What lies behind the headers of an object (176 bytes) that needs `open` and defines `connect`."""
    names = b"\0open\0connect\0" + soname + b"\0"
    start = 176
    strings = start + 9 * 16
    symbols = strings + (len(names) + 7) // 8 * 8
    hashes = symbols + 3 * 24
    slots = hashes + 8 * 4 + 8
    # DT_STRTAB, DT_STRSZ, DT_SYMTAB, DT_SONAME, DT_GNU_HASH, DT_JMPREL, DT_PLTRELSZ, DT_PLTREL (RELA), DT_NULL.
    entries = [(5, strings), (10, len(names)), (6, symbols), (14, 14), (0x6FFFFEF5, hashes), (23, slots + 8)]
    entries += [(2, 24), (20, 7), (0, 0)]
    dynamic = b"".join(struct.pack("<QQ", *entry) for entry in entries)
    table = struct.pack("<IBBHQQ", 0, 0, 0, 0, 0, 0) + struct.pack("<IBBHQQ", 1, 0x12, 0, 0, 0, 0)
    table += struct.pack("<IBBHQQ", 6, 0x12, 0, 1, 64, 8)
    # One bucket, which begins at symbol 2, a filter of one word, and a chain of one.
    buckets = struct.pack("<IIIIQII", 1, 2, 1, 0, 0xFFFFFFFFFFFFFFFF, 2, elf_hash(b"connect") | 1)
    slot = struct.pack("<QQQq", 0x1234, slots, 1 << 32 | 7, 0)
    return (
        dynamic + names.ljust(symbols - strings, b"\0") + table + buckets.ljust(slots - hashes, b"\0") + slot
    )


def elf_hash(name: bytes) -> int:
    """The hash of DT_GNU_HASH."""
    value = 5381
    for byte in name:
        value = (value * 33 + byte) & 0xFFFFFFFF
    return value


def decoded(string: str) -> bytes:
    """The document in a string, or nothing where the string holds none."""
    try:
        return base64.b64decode(string, validate=True)
    except (binascii.Error, ValueError):
        return b""


def dns_messages() -> list[bytes]:
    """A query, two questions in one, an answer with a pointer and both kinds of addresses; alone and as a stream."""
    name = b"\3www\7example\3com\0"
    query = b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + name + b"\0\1\0\1"
    two = b"\x12\x34\1\0\0\2\0\0\0\0\0\0" + name + b"\0\1\0\1\1b\xc0\x10\0\x1c\0\1"
    record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xcb\0\x71\5"
    long = b"\xc0\x0c\0\x1c\0\1\0\0\0\x3c\0\x10\x20\1" + bytes(14)
    answer = b"\x12\x34\x81\x80\0\1\0\2\0\0\0\0" + name + b"\0\1\0\1" + record + long
    messages = [query, two, answer]
    stream = b"".join(len(message).to_bytes(2, "big") + message for message in messages)
    return [*messages, stream, b"nameserver 203.0.113.53\nsearch a.test b.test\n"]


def main() -> None:
    """Write the seeds that are not there yet."""
    target, cases, corpus = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    for number, seed in enumerate(seeds(target, cases)):
        (corpus / f"seed-{number}").write_bytes(seed)


if __name__ == "__main__":
    main()
