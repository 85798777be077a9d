"""Audits of programs that a protected process starts reach its stderr, whatever that is, and the policy goes with them,
however the library was loaded.

A process of its own starts the core and a shell whose output it captures; what counts is what arrives on the stream
that it began with. With `prevent` the kernel lock keeps programs from taking descriptors, with `alert` they may.
"""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHELL = os.path.realpath("/bin/sh")
TOUCH = os.path.realpath("/usr/bin/touch")

# Starts the core in FOLDER and runs the command, with its output captured.
CODE = """
import ctypes, os, subprocess, sys
folder, name, policy, baked, shell, command = sys.argv[1:]
core = ctypes.CDLL(os.path.join(folder, name))
message = ctypes.create_string_buffer(512)
result = core.tw_start_flat(None if baked else policy.encode(), folder.encode(), b"python", None, message, 512)
assert result == 0, message.value
core.tw_invocation_begin(b"the-request")
done = subprocess.run([shell, "-c", command], env={"TW_POLICY": "forged"}, capture_output=True, text=True)
print(done.returncode, repr(done.stdout + done.stderr), flush=True)
core.tw_invocation_end()
"""


@pytest.fixture(scope="module")
def library() -> Path:
    spec = importlib.util.spec_from_file_location("agent_build", ROOT / "agent" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    built: list[Path] = module.build(ROOT / "build" / "core")
    return next(path for path in built if path.name.endswith(os.uname().machine))


@pytest.fixture
def folder(library: Path, tmp_path: Path) -> Path:
    (tmp_path / "twistlock").mkdir()
    shutil.copy(library, tmp_path / "twistlock")
    return tmp_path / "twistlock"


def document(effect: str, **lists: Any) -> bytes:
    sections = {"processes": {"effect": effect, "allow": [SHELL], **lists}}
    value = {"v": 1, "id": {"provider": "aws"}, "console": None, "runtime": {"name": "r", **sections}}
    return json.dumps(value).encode()


def run(folder: Path, policy: bytes, command: str, stderr: Any, **options: Any) -> Any:
    name = next(path.name for path in folder.iterdir() if path.name.startswith("libdefender"))
    baked = "baked" if (folder / "policy.json").exists() else ""
    arguments = [str(folder), name, base64.b64encode(policy).decode(), baked, SHELL, command]
    return subprocess.run(
        [sys.executable, "-c", CODE, *arguments], stdout=subprocess.PIPE, stderr=stderr, timeout=60, **options
    )


Stream = tuple[Any, Callable[[], str]]


def _socket() -> Stream:
    ours, theirs = socket.socketpair()
    ours.settimeout(1)

    def read() -> str:
        theirs.close()
        with ours:
            return b"".join(iter(lambda: ours.recv(1 << 16), b"")).decode()

    return theirs, read


def _pipe() -> Stream:
    reader, writer = os.pipe()

    def read() -> str:
        os.close(writer)
        with open(reader, "rb") as stream:
            return stream.read().decode()

    return writer, read


def _file(mode: str) -> Stream:
    descriptor, name = tempfile.mkstemp()
    os.close(descriptor)
    stream = open(name, mode)  # noqa: SIM115 - read() closes it

    def read() -> str:
        stream.close()
        text = Path(name).read_text()
        os.unlink(name)
        return text

    return stream, read


STREAMS: dict[str, Callable[[], Stream]] = {
    "pipe": _pipe,
    "socket": _socket,
    "file": lambda: _file("w"),
    "appended file": lambda: _file("a"),
}


def audits(text: str) -> Iterator[dict[str, Any]]:
    return (line for line in map(json.loads, text.splitlines()) if line["type"] != "defender")


@pytest.mark.parametrize("effect", ["prevent", "alert"])
@pytest.mark.parametrize("kind", STREAMS)
def test_audits_reach_the_stream(kind: str, effect: str, folder: Path, tmp_path: Path) -> None:
    stream, read = STREAMS[kind]()
    marker = tmp_path / "marker"
    done = run(folder, document(effect), f"{TOUCH} {marker}; {TOUCH} {marker}", stream)
    found = list(audits(read()))
    facts = [(line["processPath"], line["requestID"], line["count"]) for line in found]
    assert facts == [(TOUCH, "the-request", 1)] * 2
    assert marker.exists() == (effect == "alert")
    assert b"attackType" not in done.stdout


@pytest.mark.parametrize("kind", STREAMS)
def test_block_ends_the_runtime(kind: str, folder: Path, tmp_path: Path) -> None:
    stream, read = STREAMS[kind]()
    done = run(folder, document("block"), f"{TOUCH} {tmp_path}/marker", stream)
    assert done.returncode == -9
    assert not (tmp_path / "marker").exists()
    # A socket can't be opened anew, and the lock keeps programs from taking it: docs/security.md says so.
    written = [] if kind == "socket" else ["block"]
    assert [line["effect"] for line in audits(read())] in (written, ["block"])


def test_the_baked_policy(folder: Path, tmp_path: Path) -> None:
    """TW_POLICY is not there, and must not be what the caller forged either."""
    (folder / "policy.json").write_bytes(document("prevent"))
    stream, read = _pipe()
    done = run(folder, b"", f"echo ${{TW_POLICY-unset}}; {TOUCH} {tmp_path}/marker", stream)
    assert done.stdout.startswith(b"126 'unset")
    assert len(list(audits(read()))) == 1


def test_a_path_that_no_list_can_hold(folder: Path, tmp_path: Path) -> None:
    """LD_PRELOAD ends names at blanks and colons: programs run unjudged, and the environment says so."""
    elsewhere = folder.rename(tmp_path / "twist:lock")
    stream, read = _pipe()
    run(elsewhere, document("prevent"), f"{TOUCH} {tmp_path}/marker", stream)
    lines = [json.loads(line)["msg"] for line in read().splitlines()]
    assert any("run unjudged" in line for line in lines)
    assert (tmp_path / "marker").exists()


def test_a_policy_that_is_gone_leaves_the_program_running(folder: Path, tmp_path: Path) -> None:
    """One line says so, on the environment's stderr."""
    inner = document("prevent")
    (folder / "policy.json").write_bytes(inner)
    stream, read = _pipe()
    command = f"rm {folder}/policy.json; {SHELL} -c '{TOUCH} {tmp_path}/marker'"
    policy = document("prevent", allow=[SHELL, os.path.realpath("/bin/rm")])
    (folder / "policy.json").write_bytes(policy)
    done = run(folder, b"", command, stream)
    said = read()
    assert done.stdout == b"0 ''\n"
    assert (tmp_path / "marker").exists()
    assert [line for line in said.splitlines() if "NOT PROTECTED" in line] != []
    assert "started" in said


def test_a_program_that_outlives_the_runtime_is_judged(folder: Path, tmp_path: Path) -> None:
    stream, read = _pipe()
    marker = tmp_path / "marker"
    wait = f"while [ ! -e {tmp_path}/go ]; do :; done"
    command = f"({wait}; {TOUCH} {marker}; echo $? >{tmp_path}/code) >/dev/null 2>&1 &"
    run(folder, document("prevent"), command, stream)
    (tmp_path / "go").touch()
    while not (tmp_path / "code").exists() or not (tmp_path / "code").read_text():
        pass
    assert (tmp_path / "code").read_text() == "126\n"
    assert not marker.exists()
    read()
