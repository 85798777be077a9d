"""Packages as users have them, and a bundle like the one that a console makes."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

HANDLER = b"import json\n\n\ndef lambda_handler(event, context):\n    return json.dumps(event)\n"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test works in a folder of its own, untouched by the developer's settings."""
    monkeypatch.chdir(tmp_path)
    for name in [*os.environ]:
        if name.startswith("DEFENDER_") or name in ("NO_COLOR", "FORCE_COLOR", "TW_POLICY"):
            monkeypatch.delenv(name)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A deployment ZIP with the handler that Lambda's console makes, and a dependency."""
    path = tmp_path / "function.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("lambda_function.py", HANDLER)
        archive.writestr("vendor/__init__.py", b"x = 1\n" * 2000)
        archive.comment = b"built by hand"
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The same as a source folder, with a link, a program and an empty folder."""
    root = tmp_path / "app"
    (root / "vendor").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "lambda_function.py").write_bytes(HANDLER)
    (root / "vendor/__init__.py").write_bytes(b"x = 1\n")
    (root / "run.sh").write_bytes(b"#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    (root / "link.py").symlink_to("lambda_function.py")
    return root


@pytest.fixture
def customers(tmp_path: Path) -> Path:
    """A stand-in for a console's bundle: the files that it is known by, nothing of theirs."""
    path = tmp_path / "twistlock_serverless_defender.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("twistlock/__init__.py", b"")
        archive.writestr("twistlock/serverless.py", b"def handler(function):\n    return function\n")
        archive.writestr("twistlock/libtw.so", b"\x7fELF" + bytes(500))
    return path
