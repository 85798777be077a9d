"""The attack table on every Python of the machine: hooks hold whatever interpreter calls the C library.

Without the Lambda runtime, which is there for one interpreter; each way runs in a fork of its own.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

EVERY_WAY = """
import json, os, sys
import app
from ways import WAYS

def attempt(way):
    marker = os.path.join(sys.argv[1], way)
    ours, theirs = os.pipe()
    before = os.fstat(2).st_size
    child = os.fork()
    if child == 0:
        answer = app.handler({"way": way, "marker": marker}, None)
        os.write(theirs, json.dumps(answer).encode())
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours, "rb") as stream:
        answer = stream.read().decode()
    os.waitpid(child, 0)
    said = [before, os.fstat(2).st_size]
    return {"answer": json.loads(answer or "null"), "happened": os.path.exists(marker), "said": said}

print(json.dumps({way: attempt(way) for way in sorted(WAYS) if not way.startswith("around")}))
"""
# Audits of a way, where it is not one: a child that repeats itself is told once, as one that walks through PATH;
# multiprocessing starts a helper process as well.
AUDITS = {"os_system_five_times": 1, "multiprocessing_spawn": 2}
# What the library of older interpreters does not offer.
SINCE = {
    "asyncio_subprocess_exec": (3, 7),
    "asyncio_subprocess_shell": (3, 7),
    "os_posix_spawn": (3, 8),
    "os_posix_spawnp": (3, 8),
    "program_in_memory": (3, 8),
    "subprocess_user": (3, 9),
    "subprocess_umask": (3, 9),
    "subprocess_process_group": (3, 11),
}


@pytest.fixture(scope="session")
def native(compile_library: Any, functions: Any) -> dict[str, str]:
    """The attacking libraries, as environment variables."""
    source = functions.original("attacks") / "native.c"
    kinds = {"LIBRARY": (), "CONSTRUCTOR": ("-DCONSTRUCTOR",), "EXTENSION": ("-DEXTENSION",)}
    return {
        f"ATTACK_{kind}": str(compile_library(source, f"every-{kind.lower()}.so", *options))
        for kind, options in kinds.items()
    }


def _run(
    interpreter: str, root: Path, folder: Path, variables: dict[str, str]
) -> tuple[dict[str, Any], bytes]:
    folder.mkdir()
    log = folder / "stderr"
    # Appending: the offsets in the answers are those of whole lines.
    with log.open("ab") as stream:
        run = subprocess.run(
            [interpreter, "-B", "-c", EVERY_WAY, str(folder)],
            cwd=root,
            env={"PATH": "/usr/bin", **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stream,
        )
    said = log.read_bytes()
    assert run.returncode == 0, said
    return json.loads(run.stdout.splitlines()[-1]), said


def test_every_way(
    interpreter: str, functions: Any, native: Any, policy: Any, tmp_path: Path, read_audits: Any
) -> None:
    version = _version(interpreter)
    control, _ = _run(interpreter, functions.original("attacks"), tmp_path / "control", native)
    works = {way for way, attempt in control.items() if attempt["happened"]}
    assert set(control) - works == {way for way, since in SINCE.items() if version < since}

    variables = {**native, "TW_POLICY": policy("prevent")}
    root = functions.protected("attacks")
    prevented, said = _run(interpreter, root, tmp_path / "prevent", variables)
    assert [way for way in prevented if prevented[way]["happened"]] == []
    for way in sorted(works):
        found = read_audits(said[slice(*prevented[way]["said"])].decode())
        assert sum(audit["count"] for audit in found) == AUDITS.get(way, 1), (way, found)


def _version(interpreter: str) -> tuple[int, int]:
    code = "import sys; print(*sys.version_info[:2])"
    run = subprocess.run([interpreter, "-c", code], capture_output=True, text=True, check=True)
    major, minor = run.stdout.split()
    return int(major), int(minor)
