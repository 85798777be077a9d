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
# Tampering with the agent, and then a program.
TAMPERING = [
    "agent_policy_unset",
    "agent_policy_changed",
    "agent_shim_loaded_again",
    "agent_started_again",
    "agent_told_often",
    "agent_memory_opened",
    # What comes after it is no longer told of invocations, so it is the last.
    "agent_shim_disconnected",
]
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
    rows = {way for way in [*WAYS, *AROUND, *TAMPERING] if not is_missing(way, node)}
    of_others = ("fs_", "net_", "tls_", "http", "dgram_", "listen_", "lookup", "resolve", "packet_")
    of_network = ("binding_tcp", "thread_connect", "thread_send", "thread_fetch", "addon_connect")
    others = (*of_others, *of_network, "fetch", "websocket", "around_addon_raw_connect")
    assert {way for way in known if not way.startswith(others)} == rows


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


@pytest.mark.parametrize("way", TAMPERING)
def test_tampering(way: str, unprotected: Any, protected: dict[str, Any], read_audits: Any) -> None:
    """The first policy stays: what follows is stopped as ever, with its audit."""
    assert unprotected.run(way)[1]
    attacks = protected["prevent"]
    outcome, happened, said = attacks.run(way)
    assert (outcome.document, happened) == (EACCES, False)
    found = [one for one in read_audits(said) if one["attackType"] == "explicitlyDeniedProcess"]
    assert len(found) == 1
    if way == "agent_told_often":
        assert found[0]["requestID"] == "x"
    else:
        assert found[0]["requestID"] == attacks.request_id
    hijacked = [one for one in read_audits(said) if one["attackType"] == "policyHijacked"]
    assert len(hijacked) == (way == "agent_memory_opened")
