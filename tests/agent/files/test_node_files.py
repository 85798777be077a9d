"""Every way of Node.js to reach a denied file or folder, judged by what became of it, or by the secret in the answer.

The unprotected run shows that each way works here, or its row could not fail. All is tried on the oldest and the newest
Node.js; `block`, which no version plays a part in, on the newest, and of three kinds of a call with one.
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
BY_VERSION = {
    major: [way for way in _ways.ways_of(major) if way.startswith("fs_")] for major in _ways.VERSIONS
}
AROUND = ["fs_around_addon_raw_open"]
WAYS = [way for way in BY_VERSION[24] if way not in AROUND]
# What Node.js says of an attempt that is prevented, where it is not the name of the error.
FAILED, EMPTY = {"raised": "Error"}, {"value": None}
ANSWERS: dict[str, Any] = {
    "fs_program": FAILED,
    "fs_program_node": FAILED,
    "fs_program_node_no_environment": FAILED,
    "fs_program_node_options": FAILED,
    "fs_report": {"value": ""},
    "fs_addon_open": {"value": 13},
    "fs_addon_open_number": {"value": 13},
    "fs_wasi_preopened": {"raised": "UVWASI_EACCES"},
    "fs_blob": {"raised": "NotReadableError"},
    "fs_load_environment": {"raised": "ENOENT"},
    "fs_glob": {"value": []},
    "fs_sqlite": {"raised": "ERR_SQLITE_ERROR"},
}
OF_NODE_14 = {"fs_sync_rm": EMPTY, "fs_sync_rm_recursive": EMPTY, "fs_heap_snapshot": EMPTY}
# Node.js 24 itself ends where a folder can't be read that is to be copied.
ENDS = ("fs_sync_cp", 24)


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


@pytest.fixture(scope="module")
def major(attacker: tuple[Any, str]) -> int:
    return 14 if "/14." in attacker[0].command[0] else 24


def test_attack(row: str, major: int, unprotected: Any, protected: dict[str, Any], unlocked: Any) -> None:
    control = unprotected.run(row)
    assert (control.kind, control.happened) == ("response", True), control

    for attacks in (protected["prevent"], unlocked):
        attempt = attacks.run(row)
        assert (attempt.kind, attempt.answer, attempt.happened) == (*prevented(row, major), False), attempt
        told(attempt, "prevent")

    attempt = protected["alert"].run(row)
    assert (attempt.kind, attempt.answer, attempt.happened) == ("response", control.answer, True), attempt
    told(attempt, "alert")

    # The environment has to be started anew for each: no version and no kind of call plays a part in it.
    if major == 14 or row.startswith(("fs_callback", "fs_promise")):
        return
    attempt = protected["block"].run(row)
    assert (attempt.kind, attempt.happened) == ("exit", False), attempt
    assert attempt.status != 0
    told(attempt, "block")


def prevented(row: str, major: int) -> tuple[str, Any]:
    """What becomes of an invocation that is prevented from it, and what it answers."""
    if (row, major) == ENDS:
        return "exit", None
    answers = ANSWERS | (OF_NODE_14 if major == 14 else {})
    return "response", answers.get(row, {"raised": "EACCES"})


@pytest.mark.parametrize("attacker", BY_VERSION, indirect=True, ids=lambda major: f"node{major}")
@pytest.mark.parametrize("name", AROUND)
def test_way_around_the_hooks(name: str, unprotected: Any, protected: dict[str, Any], unlocked: Any) -> None:
    """docs/security.md says what an attacker must have for it: native code execution."""
    assert unprotected.run(name).happened
    for attacks in (protected["prevent"], unlocked):
        attempt = attacks.run(name)
        assert (attempt.happened, attempt.audits) == (True, [])


def told(attempt: Any, effect: str) -> None:
    assert attempt.audits
    for audit in attempt.audits:
        assert (audit["type"], audit["attackType"]) == ("filesystem", "regFileAccess")
        assert (audit["effect"], audit["requestID"]) == (effect, attempt.request_id)
