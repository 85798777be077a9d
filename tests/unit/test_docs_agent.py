"""docs/agent.md says what the core does: hooked calls, the fields of its lines, the answers of tw_start."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "agent" / "core"
PAGE = (ROOT / "docs" / "agent.md").read_text("utf-8")

# A script of a denied name, a miner, a repeat, and a denial of each other section, in a process with the core.
PROGRAM = """
import ctypes, os, socket, subprocess, sys
library, folder = sys.argv[1:]
text = ctypes.c_char_p
core = ctypes.PyDLL(library)
core.tw_start_flat.argtypes = (text, text, text, text, text, ctypes.c_size_t)
core.tw_invocation_begin.argtypes = (text,)
message = ctypes.create_string_buffer(512)
assert core.tw_start_flat(os.environb[b"TW_POLICY"], folder.encode(), b"python", None, message, 512) == 0, message.value
core.tw_invocation_begin(b"request")
for command in (["./script"], ["./script"], ["/bin/echo", "stratum+tcp://pool"]):
    try:
        subprocess.run(command, check=False)
    except PermissionError:
        continue
def try_it(call, *arguments):
    try:
        call(*arguments)
    except OSError:
        pass
outgoing = socket.socket()
try_it(outgoing.connect, ("203.0.113.5", 80))
incoming = socket.socket()
incoming.bind(("127.0.0.1", 0))
try_it(incoming.listen)
try_it(socket.getaddrinfo, "x.example", 80)
try_it(open, folder + "/secret")
try_it(open, "/proc/self/mem", "r+b")
ctypes.CDLL(None).ptrace(0, 0, None, None)
core.tw_invocation_end()
"""


def section(title: str) -> str:
    """The text below a heading, up to the next of the same or a higher level."""
    level, rest = re.split(rf"^(#+) {re.escape(title)}$", PAGE, flags=re.M)[1:]
    return re.split(rf"^#{{1,{len(level)}}} ", rest, flags=re.M)[0]


def rows(text: str) -> list[list[str]]:
    """The cells of each row of the section's tables, without rules."""
    lines = [line for line in text.splitlines() if line.startswith("|") and not line.startswith("|---")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def names(text: str) -> list[str]:
    return [name for row in rows(text) for name in re.findall(r"^`(\w+)`$", row[0])]


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What the real library writes: its first line, then audits."""
    spec = importlib.util.spec_from_file_location("agent_build", ROOT / "agent" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    machine = os.uname().machine
    library = next(path for path in build.build(ROOT / "build" / "core") if machine in path.name)
    folder = tmp_path_factory.mktemp("lines")
    script = folder / "script"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    processes = {"effect": "prevent", "crypto_miners": True, "deny": ["script"]}
    (folder / "secret").write_text("secret")
    runtime = {
        "name": "rule",
        "processes": processes,
        "network": {
            "effect": "prevent",
            "outbound": {"deny_ips": ["203.0.113.0/24"]},
            "listening": {"deny_ports": [[1, 65535]]},
        },
        "dns": {"effect": "prevent", "deny": ["*.example"]},
        "filesystem": {"effect": "prevent", "deny": [str(folder / "secret")]},
    }
    identity = {"function": "orders", "region": "us-east-1", "provider": "aws"}
    document = {"v": 1, "id": identity, "console": None, "runtime": runtime}
    environment = {
        "PATH": "/usr/bin:/bin",
        "TW_POLICY": base64.b64encode(json.dumps(document).encode()).decode(),
    }
    command = [sys.executable, "-c", PROGRAM, str(library), str(folder)]
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stderr.splitlines()]


def test_hooked_calls() -> None:
    hooked = re.findall(r"CALL\([\w |]+, (\w+), tw_", (CORE / "src" / "hooks.h").read_text())
    assert len(hooked) > 150
    text = section("Hooked calls")
    assert [name for name in hooked if f"`{name}`" not in text] == []


def test_first_line(lines: list[dict[str, Any]]) -> None:
    assert list(lines[0]) == names(section("The first line"))


def test_fields_of_audits(lines: list[dict[str, Any]]) -> None:
    audits = lines[1:]
    documented = {
        row[0].strip("`"): row[2] for row in rows(section("Audits")) if re.fullmatch(r"`\w+`", row[0])
    }
    assert [audit["attackType"] for audit in audits] == [
        "explicitlyDeniedProcess",
        "cryptoMinerProcess",
        "explicitlyDeniedIP",
        "explicitlyDeniedListeningPort",
        "explicitlyDeniedDNS",
        "regFileAccess",
        "policyHijacked",
        "policyHijacked",
        "explicitlyDeniedProcess",
    ]
    assert {field for audit in audits for field in audit} == set(documented)
    always = set.intersection(*(set(audit) for audit in audits))
    assert [field for field, exception in documented.items() if not exception and field not in always] == []
    for audit in audits:
        assert list(audit) == [field for field in documented if field in audit]


def test_examples_have_the_documented_order() -> None:
    for title in ("The first line", "Audits"):
        example = json.loads(section(title).split("```json\n")[1].split("```")[0])
        assert list(example) == [name for name in names(section(title)) if name in example]


def test_answers_of_the_start() -> None:
    header = (CORE / "include" / "defender.h").read_text()
    declared = {(name, value) for name, value in re.findall(r"^    (TW_\w+) = (-?\d+),", header, re.M)}
    documented = {
        (row[0].strip("`"), row[1]) for row in rows(section("The ABI")) if row[0].startswith("`TW_")
    }
    assert declared == documented
    functions = re.findall(r"^TW_API [^(]*?\b(tw_\w+)\(", header, re.M)
    assert names(section("The ABI")) == [
        *functions,
        *[name for name, _ in re.findall(r"(TW_\w+) = (-?\d+),", header)],
    ]


def test_links_within_the_page() -> None:
    headings = {
        re.sub(r"[^\w -]", "", title).lower().replace(" ", "-")
        for title in re.findall(r"^#+ (.*)$", PAGE, re.M)
    }
    linked = re.findall(r"\]\(#([\w-]+)\)", PAGE)
    assert linked
    assert [target for target in linked if target not in headings] == []
    files = re.findall(r"\]\(([\w./-]+)(?:#[\w-]+)?\)", PAGE)
    assert [path for path in files if not (ROOT / "docs" / path).is_file()] == []
