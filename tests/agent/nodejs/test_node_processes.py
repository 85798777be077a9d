"""Every way of Node.js to start a program, judged by the file that the program would have created.

The unprotected run shows that each way works here, or its row could not fail. All is tried on the oldest and the newest
Node.js, with the kernel lock and where the platform refuses it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

# What Node.js says of an attempt that is prevented.
EACCES = {"raised": "EACCES"}
SHELL_DID_NOT_START, ERROR_NUMBER = {"value": 127 << 8}, {"value": 13}
WAYS: dict[str, Any] = {
    "child_exec": EACCES,
    "child_exec_promise": EACCES,
    "child_execSync": EACCES,
    "child_execFile": EACCES,
    "child_execFileSync": EACCES,
    "child_spawn": EACCES,
    "child_spawn_shell": EACCES,
    "child_spawn_detached": EACCES,
    "child_spawn_by_path": EACCES,
    "child_spawn_no_environment": EACCES,
    "child_spawn_elsewhere": EACCES,
    "child_spawn_as_user": EACCES,
    "child_spawnSync": EACCES,
    "child_spawnSync_shell": EACCES,
    "child_fork": EACCES,
    "child_fork_options": EACCES,
    "child_constructor": EACCES,
    "binding_spawn_sync": EACCES,
    "binding_process_wrap": EACCES,
    "cluster": EACCES,
    "thread": EACCES,
    "thread_own_environment": EACCES,
    "thread_of_thread": EACCES,
    "context": EACCES,
    "execve": None,
    "addon_system": SHELL_DID_NOT_START,
    "addon_table": SHELL_DID_NOT_START,
    "addon_looked_up": SHELL_DID_NOT_START,
    "addon_thread": SHELL_DID_NOT_START,
    "addon_execve": ERROR_NUMBER,
    "addon_posix_spawn": ERROR_NUMBER,
    "addon_syscall": ERROR_NUMBER,
    "addon_constructor": {"value": "loaded"},
}
AROUND = ["around_addon_raw_system_call"]
# process.execve came with Node.js 23.11. Where it fails, Node.js itself ends the process.
NEWER = {"execve"}


@pytest.fixture(scope="module")
def unprotected(node: Any, attacks_in: Any, addon: Any, tmp_path_factory: Any) -> Iterator[Any]:
    attacks = attacks_in("nodejs", tmp_path_factory.mktemp("unprotected"), None, node, **addon)
    yield attacks
    attacks.close()


@pytest.fixture(scope="module", params=["locked", "unlocked"])
def lock(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def protected(
    lock: str, node: Any, attacks_in: Any, addon: Any, policy: Any, tmp_path_factory: Any
) -> Iterator[Any]:
    here = node if lock == "locked" else node.without_seccomp()
    by_effect = {
        effect: attacks_in("nodejs", tmp_path_factory.mktemp(effect), policy(effect), here, **addon)
        for effect in ("prevent", "alert", "block")
    }
    yield by_effect
    for attacks in by_effect.values():
        attacks.close()


def is_missing(way: str, node: Any) -> bool:
    return way in NEWER and "/14." in node.command[0]


def test_table_is_whole(node: Any, unprotected: Any) -> None:
    """Every way of the function has its row."""
    known = set(json.loads(unprotected.run("list")[0].body))
    rows = {way for way in [*WAYS, *AROUND] if not is_missing(way, node)}
    assert {way for way in known if way in rows or way.startswith(("child", "addon_s", "cluster"))} == rows


@pytest.mark.parametrize("way", WAYS)
def test_way(
    way: str, node: Any, lock: str, unprotected: Any, protected: dict[str, Any], read_audits: Any
) -> None:
    if is_missing(way, node):
        assert "14" in node.command[0]
        return
    control, works, _ = unprotected.run(way)
    assert works, control

    outcome, happened, said = protected["prevent"].run(way)
    assert (outcome.kind, happened) == ("response" if WAYS[way] else "exit", False), said
    assert WAYS[way] is None or outcome.document == WAYS[way]
    check(read_audits(said), "prevent", protected["prevent"].request_id)

    outcome, happened, said = protected["alert"].run(way)
    assert (outcome, happened) == (control, True)
    check(read_audits(said), "alert", protected["alert"].request_id)

    if lock == "unlocked":
        outcome, happened, said = protected["block"].run(way)
        assert (outcome.kind, happened) == ("exit", False), outcome
        assert outcome.status != 0
        check(read_audits(said), "block", protected["block"].request_id)


def check(found: list[dict[str, Any]], effect: str, request_id: str) -> None:
    assert sum(audit["count"] for audit in found) == 1, found
    for audit in found:
        assert (audit["type"], audit["effect"], audit["requestID"]) == ("processes", effect, request_id)
        assert audit["attackType"] == "explicitlyDeniedProcess"


@pytest.mark.parametrize("way", AROUND)
def test_way_around_the_hooks(
    way: str, lock: str, unprotected: Any, protected: dict[str, Any], read_audits: Any
) -> None:
    """Stopped by the kernel lock, which writes no audit and ends nothing; not where the platform refuses it."""
    assert unprotected.run(way)[1]
    for effect, works in (("prevent", lock == "unlocked"), ("alert", True)):
        outcome, happened, said = protected[effect].run(way)
        assert (outcome.kind, happened, read_audits(said)) == ("response", works, [])
