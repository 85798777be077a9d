"""Embed, then remove: a thousand generated ZIPs come back bit for bit, by the steps of the commands."""

from __future__ import annotations

import io
import random
import zipfile
from pathlib import Path

import pytest

from defender.archive import Target
from defender.embedding import Options, Prepared
from defender.policy import default_policy
from defender.protection import Choice
from defender.removal import remove
from defender.runtimes.model import Request

OPTIONS = Options(Request(handlers=("pkg/app.handler",)), Choice(default_policy(), "built-in policy"))
HANDLERS = [
    b"def handler(event, context):\n    return event\n",
    b"\xef\xbb\xbf'''doc'''\r\nfrom x import y as handler\r\n",
    b"from x import *\nhandler = make()",
    b"# -*- coding: latin-1 -*-\nasync def handler(e, c):\n\treturn '\xe9'\n",
]


def made(chance: random.Random) -> bytes:
    """A deployment package as tools make them, its handler somewhere among other members."""
    buffer = io.BytesIO()
    if chance.random() < 0.2:
        buffer.write(b"#!/bin/sh\n" * chance.randrange(1, 9))
    members = {"pkg/app.py": chance.choice(HANDLERS), "pkg/__init__.py": chance.choice([b"", b"x = 1\n"])}
    if chance.random() < 0.3:
        members["pkg/__pycache__/app.cpython-312.pyc"] = chance.randbytes(90)
    members |= {
        f"lib/{number}.dat": chance.randbytes(chance.randrange(900)) for number in range(chance.randrange(9))
    }
    with zipfile.ZipFile(buffer, "a" if buffer.tell() else "w") as archive:
        for name in chance.sample(list(members), len(members)):
            info = zipfile.ZipInfo(name, (1980 + chance.randrange(50), 1, 1, 1, 1, 2))
            info.compress_type = chance.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
            info.external_attr = chance.choice([0o100644, 0o100755, 0]) << 16
            with archive.open(info, "w", force_zip64=chance.random() < 0.3) as file:
                file.write(members[name])
        if chance.random() < 0.3:
            archive.comment = b"made for a test" * chance.randrange(1, 9)
    return buffer.getvalue()


@pytest.mark.parametrize("batch", range(20))
def test_a_thousand_packages_come_back(batch: int, tmp_path: Path) -> None:
    source, protected, back = (tmp_path / name for name in ("in.zip", "protected.zip", "back.zip"))
    for seed in range(batch * 50, batch * 50 + 50):
        source.write_bytes(made(random.Random(seed)))
        with Prepared(source, OPTIONS) as prepared:
            prepared.write(Target(protected, force=True))
        with zipfile.ZipFile(protected) as archive:
            assert archive.testzip() is None
            assert b"twistlock.serverless" in archive.read("pkg/app.py")
        remove(protected, Target(back, force=True), None)
        assert back.read_bytes() == source.read_bytes(), seed
