"""Every way of Node.js to reach a denied file or folder, judged by what became of it, or by the secret in the answer.

The unprotected run shows that each way works here, or its row could not fail. All is tried on the oldest and the newest
Node.js; `block`, which no version plays a part in, on the newest.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

_SPEC = importlib.util.spec_from_file_location("nodejs_ways", Path(__file__).parents[1] / "nodejs" / "conftest.py")
assert _SPEC is not None
assert _SPEC.loader is not None
_ways = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_ways)
BY_VERSION = {major: [way for way in _ways.ways_of(major) if way.startswith("fs_")] for major in _ways.VERSIONS}
AROUND = ["fs_around_addon_raw_open"]
WAYS = [way for way in BY_VERSION[24] if way not in AROUND]
# What Node.js says of an attempt that is prevented, where it is not the name of the error.
ANSWERS: dict[str, Any] = {}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each way, on each Node.js that has it."""
    if "row" in metafunc.fixturenames:
        pairs = [(major, way) for major, ways in BY_VERSION.items() for way in ways if way not in AROUND]
        metafunc.parametrize(("attacker", "row"), pairs, indirect=["attacker"], scope="module")


@pytest.fixture(scope="module")
def attacker(request: pytest.FixtureRequest, functions: Any, addon: dict[str, str]) -> tuple[Any, str]:
    return functions.on_node(request.param), "nodejs"


@pytest.fixture(scope="module")
def compiled(addon: dict[str, str], request: pytest.FixtureRequest) -> dict[str, str]:
    """The variables of the environments: what the attacks need in machine code."""
    return addon | {"FILES_LIBRARY": addon["ATTACK_ADDON"]}


def test_attack(row: str, unprotected: Any, protected: dict[str, Any], unlocked: Any) -> None:
    control = unprotected.run(row)
    assert (control.kind, control.happened) == ("response", True), control

    for attacks in (protected["prevent"], unlocked):
        attempt = attacks.run(row)
        assert (attempt.kind, attempt.happened) == ("response", False), attempt
        assert attempt.answer == ANSWERS.get(row, {"raised": "EACCES"})
        told(attempt, "prevent")

    attempt = protected["alert"].run(row)
    assert (attempt.kind, attempt.answer, attempt.happened) == ("response", control.answer, True), attempt
    told(attempt, "alert")

    attempt = protected["block"].run(row)
    assert (attempt.kind, attempt.happened) == ("exit", False), attempt
    assert attempt.status != 0
    told(attempt, "block")


def told(attempt: Any, effect: str) -> None:
    assert attempt.audits
    for audit in attempt.audits:
        assert (audit["type"], audit["attackType"]) == ("filesystem", "regFileAccess")
        assert (audit["effect"], audit["requestID"]) == (effect, attempt.request_id)
