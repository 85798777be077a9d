"""Every way of Node.js to reach a denied address, port or name, or to listen, judged by what arrived there.

The unprotected run shows that each way works here, or its row could not fail. All is tried on the oldest and the newest
Node.js, with the kernel lock and where the platform refuses it; `block` on the newest.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

_SPEC = importlib.util.spec_from_file_location(
    "nodejs_ways", Path(__file__).parents[1] / "nodejs" / "conftest.py"
)
assert _SPEC is not None
assert _SPEC.loader is not None
_ways = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_ways)
OTHERS = (
    "fs_",
    "agent_",
    "child_",
    "binding_spawn",
    "binding_process",
    "cluster",
    "thread",
    "context",
    "addon_",
    "execve",
)
THREADS = ("thread_connect", "thread_send", "thread_fetch")
AROUND = ["around_addon_raw_connect"]


def _of_network(way: str) -> bool:
    kept = way in THREADS or way.startswith("addon_connect")
    return kept or not way.startswith((*OTHERS, "around_"))


BY_VERSION = {major: [way for way in _ways.ways_of(major) if _of_network(way)] for major in _ways.VERSIONS}
WAYS = [way for way in BY_VERSION[24] if not way.startswith(("lookup", "resolve", "packet"))]
NAMES = [way for way in BY_VERSION[24] if way.startswith(("lookup", "resolve", "packet"))]
# What Node.js says of an attempt that is prevented, by the beginning of the way's name.
ANSWERS: dict[str, Any] = {
    "lookup": {"raised": "EAI_FAIL"},
    # c-ares says so where it could ask no name server.
    "resolve": {"raised": "ECONNREFUSED"},
    "addon": {"value": 1},
    "websocket": {"raised": "TypeError"},
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each way, on each Node.js that has it."""
    if "row" in metafunc.fixturenames:
        pairs = [(major, way) for major, ways in BY_VERSION.items() for way in ways]
        metafunc.parametrize(("attacker", "row"), pairs, indirect=["attacker"], scope="module")


@pytest.fixture(scope="module")
def attacker(
    request: pytest.FixtureRequest, functions: Any, addon: dict[str, str]
) -> tuple[Any, str, dict[str, str]]:
    return functions.on_node(request.param), "nodejs", addon


def test_attack(row: str, lock: str, attacker: Any, unprotected: Any, protected: dict[str, Any]) -> None:
    control = unprotected.once(row)
    assert (control.kind, bool(control.arrived)) == ("response", True), control

    attempt = protected["prevent"].run(row)
    assert (attempt.kind, attempt.arrived) == ("response", ()), attempt
    expected = (answer for name, answer in ANSWERS.items() if row.startswith(name))
    assert attempt.answer == next(expected, {"raised": "EPERM"})
    told(attempt, "prevent")

    attempt = protected["alert"].run(row)
    assert (attempt.answer, attempt.arrived) == (control.answer, control.arrived), attempt
    told(attempt, "alert")

    if lock == "unlocked" and "/24." in attacker[0].command[0]:
        attempt = protected["block"].run(row)
        assert (attempt.kind, attempt.arrived) == ("exit", ()), attempt
        assert attempt.status != 0
        told(attempt, "block")


def told(attempt: Any, effect: str) -> None:
    assert attempt.audits
    for audit in attempt.audits:
        assert (audit["type"], audit["effect"], audit["requestID"]) == ("network", effect, attempt.request_id)


@pytest.mark.parametrize("attacker", BY_VERSION, indirect=True, ids=lambda major: f"node{major}")
@pytest.mark.parametrize("way", AROUND)
def test_way_around_the_hooks(way: str, unprotected: Any, protected: dict[str, Any]) -> None:
    """docs/security.md says what an attacker must have for it: native code execution."""
    control = unprotected.once(way)
    assert control.arrived
    attempt = protected["prevent"].run(way)
    assert (attempt.arrived, attempt.audits) == (control.arrived, [])
