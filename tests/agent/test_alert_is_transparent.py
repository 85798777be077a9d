"""The test suites of other people's packages, under an agent that denies all they do and only says so.

Each suite runs twice at the same time, bare and in a Python whose first import is the agent with every section in
`alert`: each test has the same outcome. The audits show that the agent was there. What these suites connect to is
this machine itself, which no list denies.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from defender.policy import (
    Dns,
    Effect,
    Filesystem,
    Identity,
    Listening,
    Network,
    Outbound,
    Ports,
    Processes,
    Rule,
    encode,
)

ROOT = Path(__file__).parents[2]
ALERT = Effect.ALERT
EVERY_PORT = (Ports(1, 65535),)
DENY_ALL = Rule(
    name="everything",
    processes=Processes(effect=ALERT, block_all=True),
    network=Network(
        effect=ALERT,
        outbound=Outbound(deny_ips=("0.0.0.0/0", "::/0"), deny_ports=EVERY_PORT),
        listening=Listening(deny_ports=EVERY_PORT),
    ),
    dns=Dns(effect=ALERT, deny=("*",)),
    filesystem=Filesystem(effect=ALERT, deny=("/",)),
)


@dataclass(frozen=True)
class Suite:
    """A source distribution whose tests need no more than pytest and `needs`."""

    name: str
    version: str
    sha256: str
    source: str
    told: frozenset[str]
    needs: tuple[str, ...] = ()


FILES, PROGRAMS, PORTS = "regFileAccess", "explicitlyDeniedProcess", "explicitlyDeniedListeningPort"
SUITES = [
    Suite(
        "path",
        "17.1.1",
        "2dfcbfec8b4d960f3469c52acf133113c2a8bf12ac7b98d629fa91af87248d42",
        ".",
        frozenset({FILES, PROGRAMS}),
        ("more-itertools==10.8.0",),
    ),
    Suite(
        "ptyprocess",
        "0.7.0",
        "5c5d0a3b48ceee0b48485e0c26037c0acd7d29765ca3fbb5cb3831d347423220",
        ".",
        frozenset({FILES, PROGRAMS}),
    ),
    Suite(
        "waitress",
        "3.0.2",
        "682aaaf2af0c44ada4abfb70ded36393f0e307f4ab9456a215ce0020baefc31f",
        "src",
        frozenset({FILES, PROGRAMS, PORTS}),
    ),
]


def _pip(*arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments], check=True
    )


@pytest.fixture(scope="session")
def unpacked() -> Callable[[Suite], Path]:
    """Gives a suite's folder; it is downloaded once, and without a network this fails."""

    def get(suite: Suite) -> Path:
        cache = ROOT / "build" / "suites"
        folder = cache / f"{suite.name}-{suite.version}"
        archive = folder.with_name(folder.name + ".tar.gz")
        if not archive.exists():
            cache.mkdir(parents=True, exist_ok=True)
            pinned = f"{suite.name}=={suite.version}"
            _pip("download", "--no-deps", "--no-binary", suite.name, "--dest", str(cache), pinned)
        assert hashlib.sha256(archive.read_bytes()).hexdigest() == suite.sha256
        if not folder.exists():
            with tarfile.open(archive) as tar:
                tar.extractall(cache, filter="data")
        needs = folder / ".needs"
        if suite.needs and not needs.exists():
            _pip("install", "--no-deps", "--target", str(needs), *suite.needs)
        return folder

    return get


BARE = "import sys, pytest; sys.exit(pytest.main(sys.argv[1:]))"
PROTECTED = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); import twistlock.serverless as agent; sys.path.pop(0); "
    "assert agent.status == 'enforcing', agent.reason; " + BARE
)


def _start(
    folder: Path, suite: Suite, work: Path, first: list[str], policy: str | None
) -> subprocess.Popen[bytes]:
    (work / "tmp").mkdir(parents=True)
    options = [
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
        "--rootdir",
        ".",
        f"--junitxml={work}/result.xml",
    ]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(work),
        "LANG": "C.UTF-8",
        "TMPDIR": str(work / "tmp"),
        "PYTHONPATH": os.pathsep.join([suite.source, ".", ".needs"]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    if policy is not None:
        environment["TW_POLICY"] = policy
    with (work / "output").open("wb") as output, (work / "errors").open("wb") as errors:
        return subprocess.Popen(
            [sys.executable, "-c", *first, *options, "tests"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )


def _outcomes(work: Path) -> dict[str, str]:
    """What became of each test, by its name."""
    found = {}
    for case in ElementTree.parse(work / "result.xml").iter("testcase"):
        kinds = [child.tag for child in case if child.tag in {"failure", "error", "skipped"}]
        found[f"{case.get('classname')}::{case.get('name')}"] = kinds[0] if kinds else "passed"
    return found


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_same_outcome(suite: Suite, unpacked: Any, functions: Any, tmp_path: Path, read_audits: Any) -> None:
    folder = unpacked(suite)
    identity = Identity(function="demo", region="us-east-1", provider="aws", account=None)
    agent = str(functions.protected("plain"))
    runs = {
        "bare": _start(folder, suite, tmp_path / "bare", [BARE], None),
        "alert": _start(folder, suite, tmp_path / "alert", [PROTECTED, agent], encode(identity, DENY_ALL)),
    }
    for name, run in runs.items():
        run.wait(timeout=300)
        assert (tmp_path / name / "result.xml").exists(), (tmp_path / name / "errors").read_text()[-4000:]

    bare = _outcomes(tmp_path / "bare")
    assert list(bare.values()).count("passed") > 10
    assert _outcomes(tmp_path / "alert") == bare
    assert runs["alert"].returncode == runs["bare"].returncode

    audits = read_audits((tmp_path / "alert" / "errors").read_text(errors="replace"))
    assert {audit["effect"] for audit in audits} == {"alert"}
    assert {audit["attackType"] for audit in audits} == suite.told
