"""Many calls at once, in C and in a Python function: each comes out as it does alone, whatever happens meanwhile."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from defender.policy import Dns, Effect, Filesystem, Network, Processes
from defender.policy.model import Outbound

ROOT = Path(__file__).parents[2]
CORE = ROOT / "agent" / "core"
PREVENT = Effect.PREVENT
SECTIONS = {
    "processes": Processes(effect=PREVENT, allow=("cat",)),
    "network": Network(effect=PREVENT, outbound=Outbound(allow_ips=("198.51.100.7",))),
    "dns": Dns(effect=PREVENT, allow=("*.example.test",)),
    "filesystem": Filesystem(effect=PREVENT, deny=("/srv/secret",)),
}
# For minutes: DEFENDER_STRESS_SECONDS=60.
SECONDS = float(os.environ.get("DEFENDER_STRESS_SECONDS", "1"))


def built() -> Path:
    """The library as packages carry it."""
    spec = importlib.util.spec_from_file_location("agent_build", ROOT / "agent" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    machine = "x86_64" if os.uname().machine == "x86_64" else "aarch64"
    libraries: list[Path] = module.build(ROOT / "build" / "core")
    return next(library for library in libraries if library.name.endswith(machine))


@pytest.mark.parametrize(("kind", "scenarios"), [("thread", 4), ("plain", 6)])
def test_in_c(kind: str, scenarios: int) -> None:
    """Under the thread sanitizer; and as functions have it, with 10^5 invocations at the end."""
    command = ["make", "-s", "-j2", "-C", str(CORE), f"stress-{kind}", f"PYTHON={sys.executable}"]
    command += [f"STRESS_SECONDS={SECONDS}", f"STRESS_LIBRARY={built()}"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.findall(r"(\d+) passed, (\d+) failed", run.stdout) == [(str(scenarios), "0")]


@pytest.fixture(scope="module")
def environment(place: Any, functions: Any, policy_of: Any) -> Any:
    with place.start(functions, functions.protected("stress"), policy_of(**SECTIONS)) as environment:
        yield environment


def ran(environment: Any, **event: Any) -> dict[str, Any]:
    found: dict[str, Any] = environment.invoke(
        {"do": "threads", "threads": 6, "seconds": SECONDS, **event}
    ).document
    assert found["wrong"] == [], found
    assert found["calls"] >= 6
    assert found["threads"] == 1
    return found


def test_threads(environment: Any, read_audits: Any) -> None:
    ran(environment)
    denied = [
        audit for audit in read_audits(environment.errors()) if audit["requestID"] == environment.request_id
    ]
    assert {audit["type"] for audit in denied} == {"processes", "network", "filesystem"}


def test_signals(environment: Any) -> None:
    ran(environment, hertz=1000)


def test_frozen_in_the_middle(environment: Any) -> None:
    """As a platform freezes it: at any instruction, and for long against what the calls take."""
    over = threading.Event()

    def freeze() -> None:
        turn = 0
        while not over.is_set():
            os.kill(environment.process.pid, signal.SIGSTOP)
            time.sleep(0.002 + turn % 5 / 1000)
            os.kill(environment.process.pid, signal.SIGCONT)
            time.sleep(0.001 + turn % 7 / 300)
            turn += 1

    thread = threading.Thread(target=freeze)
    thread.start()
    try:
        ran(environment)
    finally:
        over.set()
        thread.join()


def test_frozen_between_invocations(environment: Any) -> None:
    for _ in range(5):
        os.kill(environment.process.pid, signal.SIGSTOP)
        time.sleep(0.05)
        os.kill(environment.process.pid, signal.SIGCONT)
        ran(environment, seconds=0.05, threads=3)


def test_nothing_is_left(environment: Any) -> None:
    environment.invoke({"do": "measure"})
    before = environment.invoke({"do": "measure"}).document
    for _ in range(10):
        environment.invoke({"do": "threads", "threads": 2, "seconds": 0.05})
    # The kernel counts a thread for a moment longer than those who wait for its end.
    measured = (environment.invoke({"do": "measure"}).document for _ in range(100))
    after = next(one for one in measured if one["tasks"] == before["tasks"])
    assert {**after, "kib": 0} == {**before, "kib": 0}
    assert after["kib"] - before["kib"] < 1024


def test_child_outlives_the_runtime(
    place: Any, functions: Any, policy_of: Any, read_audits: Any, tmp_path: Path
) -> None:
    """It is refused what the runtime was, and its audits come out."""
    file = tmp_path / "wrong"
    with place.start(functions, functions.protected("stress"), policy_of(**SECTIONS)) as environment:
        environment.invoke({"do": "threads", "threads": 1, "seconds": 0.1})
        environment.invoke({"do": "orphan", "file": str(file)})
        before = len(read_audits(environment.errors()))
        os.kill(environment.process.pid, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while not file.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert file.read_text() == ""
        given = read_audits(environment.errors())[before:]
    assert {audit["type"] for audit in given} == {"processes", "network", "filesystem"}
