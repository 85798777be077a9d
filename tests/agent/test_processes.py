"""Every way to start a program, judged by its effect: the file that the program would have created.

The unprotected run shows that each way works on this machine, or its row could not fail. All is tried with the kernel
lock and where the platform refuses it: the ways around the hooks are stopped by the lock alone, without an audit.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

REFUSED = {"raised": "PermissionError", "errno": 13}
EACCES = 13


def status(code: int) -> dict[str, int]:
    """A wait status: the child ended with this exit code."""
    return {"value": code << 8}


@dataclass(frozen=True)
class Way:
    """One row: what a prevented attempt answers, and how many audits it gives."""

    name: str
    prevented: dict[str, Any]
    audits: int = 1
    replaces_process: bool = False


def rows(prefix: str, names: str, prevented: dict[str, Any], **facts: Any) -> list[Way]:
    """Several ways that differ in their last word."""
    return [Way(f"{prefix}_{name}", prevented, **facts) for name in names.split()]


WAYS = [
    Way("os_system", status(127)),
    Way("os_system_in_thread", status(127)),
    Way("os_system_five_times", {"value": [127 << 8] * 5}, audits=5),
    Way("os_popen", REFUSED),
    Way("os_posix_spawn", REFUSED),
    Way("os_posix_spawnp", REFUSED),
    *rows("os_exec", "l le lp lpe v ve vp vpe ve_descriptor", REFUSED, replaces_process=True),
    *rows("os_spawn", "l le lp lpe v ve vp vpe", {"value": 127}),
    Way("os_spawn_v_nowait", status(127)),
    Way("fork_then_exec", status(EACCES)),
    Way("forkpty_then_exec", status(77)),
    Way("pty_spawn", {"value": "refused"}),
    Way("script_with_interpreter", REFUSED),
    Way("program_in_memory", status(EACCES)),
    Way("program_through_loader", REFUSED),
    Way("program_through_descriptor", status(EACCES)),
    Way("exec_in_thread", status(EACCES)),
    *rows("subprocess", "run call check_call check_output getoutput getstatusoutput popen", REFUSED),
    *rows("subprocess", "relative shell pipes open_descriptors passed_descriptors preexec", REFUSED),
    *rows("subprocess", "new_session process_group umask user folder no_environment thread", REFUSED),
    Way("subprocess_child", status(EACCES)),
    Way("asyncio_subprocess_exec", REFUSED),
    Way("asyncio_subprocess_shell", REFUSED),
    Way("posixsubprocess_fork_exec", status(255)),
    # Python starts a helper process for its resources as well, and notices neither's failure but by its end.
    Way("multiprocessing_spawn", {"value": 255}, audits=2),
    Way("ctypes_system", status(127)),
    Way("ctypes_system_in_thread", status(127)),
    Way("ctypes_dlsym", status(127)),
    Way("ctypes_popen", REFUSED),
    *rows("ctypes", "execve execv execvp execvpe execl execlp execle fexecve", status(EACCES)),
    *rows("ctypes", "syscall_execve syscall_execveat", status(EACCES)),
    Way("ctypes_posix_spawn", REFUSED),
    Way("ctypes_posix_spawnp", REFUSED),
    Way("ctypes_wordexp", {"value": 4}),
    Way("ctypes_older_version", REFUSED),
    Way("ctypes_other_namespace", status(127)),
    Way("library_system", status(127)),
    Way("library_execve", status(EACCES)),
    Way("library_table", status(127)),
    Way("library_constructor", status(127)),
    Way("extension_module", status(127)),
]
AROUND = [
    "around_raw_system_call",
    "around_computed_address",
    "around_second_c_library",
    "around_restored_table",
]
REFUSED_LOCK = "refused: Operation not permitted"
FOR_LATER = ["around_restored_table_for_later", "around_second_c_library_again"]


@pytest.fixture(scope="session")
def libraries(compile_library: Callable[..., Path], functions: Any) -> dict[str, str]:
    source = functions.original("attacks") / "native.c"
    return {
        "ATTACK_LIBRARY": str(compile_library(source, "attack.so")),
        "ATTACK_CONSTRUCTOR": str(compile_library(source, "constructor.so", "-DCONSTRUCTOR")),
        "ATTACK_EXTENSION": str(compile_library(source, "extension.so", "-DEXTENSION")),
    }


@pytest.fixture(scope="module")
def unprotected(attacks_in: Any, libraries: Any, tmp_path_factory: Any) -> Iterator[Any]:
    attacks = attacks_in("attacks", tmp_path_factory.mktemp("unprotected"), None, **libraries)
    yield attacks
    attacks.close()


@pytest.fixture(scope="module", params=["locked", "unlocked"])
def lock(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def protected(
    lock: str, attacks_in: Any, functions: Any, libraries: Any, policy: Any, tmp_path_factory: Any
) -> Iterator[Any]:
    here = functions if lock == "locked" else functions.without_seccomp()
    by_effect = {
        effect: attacks_in("attacks", tmp_path_factory.mktemp(effect), policy(effect), here, **libraries)
        for effect in ("prevent", "alert", "block")
    }
    yield by_effect
    for attacks in by_effect.values():
        attacks.close()


def test_table_is_whole(functions: Any) -> None:
    """Every way of the function has its row."""
    code = "import app, json; print(*app.WAYS)"
    run = subprocess.run(
        [sys.executable, "-B", "-c", code], cwd=functions.original("attacks"), capture_output=True, text=True
    )
    assert sorted(run.stdout.split()) == sorted([*(way.name for way in WAYS), *AROUND, *FOR_LATER])


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_way(way: Way, unprotected: Any, protected: dict[str, Any], read_audits: Any) -> None:
    control, works, _ = unprotected.run(way.name)
    assert works, control
    assert (control.kind == "exit") == way.replaces_process

    outcome, happened, said = protected["prevent"].run(way.name)
    assert (outcome.kind, happened) == ("response", False), outcome
    assert outcome.document == way.prevented
    _check(read_audits(said), way, "prevent", protected["prevent"].request_id)

    outcome, happened, said = protected["alert"].run(way.name)
    assert (outcome, happened) == (control, True)
    _check(read_audits(said), way, "alert", protected["alert"].request_id)

    outcome, happened, said = protected["block"].run(way.name)
    assert (outcome.kind, happened) == ("exit", False), outcome
    assert outcome.status != 0
    _check(read_audits(said), Way(way.name, {}), "block", protected["block"].request_id)


def _check(found: list[dict[str, Any]], way: Way, effect: str, request_id: str) -> None:
    assert sum(audit.get("count", 1) for audit in found) == way.audits, found
    for audit in found:
        assert (audit["type"], audit["effect"], audit["requestID"]) == ("processes", effect, request_id)
        assert audit["attackType"] == "explicitlyDeniedProcess"


@pytest.mark.parametrize("way", AROUND)
def test_way_around_the_hooks(
    way: str, lock: str, unprotected: Any, protected: dict[str, Any], read_audits: Any
) -> None:
    """Stopped by the kernel lock, which writes no audit and ends nothing; not where the platform refuses it."""
    assert unprotected.run(way)[1]
    for effect, works in (("prevent", lock == "unlocked"), ("block", lock == "unlocked"), ("alert", True)):
        outcome, happened, said = protected[effect].run(way)
        assert (outcome.kind, happened, read_audits(said)) == ("response", works, [])


def test_first_line_tells_the_lock(lock: str, protected: dict[str, Any]) -> None:
    told = {"prevent": "on", "block": "on", "alert": "off"}
    if lock == "unlocked":
        told = {effect: state.replace("on", REFUSED_LOCK) for effect, state in told.items()}
    for effect, state in told.items():
        first = protected[effect].first_line()
        assert first["lock"] == state


def test_restored_hooks_are_found_at_the_next_invocation(protected: dict[str, Any], read_audits: Any) -> None:
    attacks = protected["prevent"]
    outcome, _, _ = attacks.run("around_restored_table_for_later")
    assert outcome.document["value"] > 0
    outcome, happened, said = attacks.run("subprocess_preexec")
    assert (outcome.document, happened) == (REFUSED, False)
    assert [audit["attackType"] for audit in read_audits(said)] == [
        "policyHijacked",
        "explicitlyDeniedProcess",
    ]


def test_second_c_library_is_hooked_at_the_next_invocation(
    lock: str, protected: dict[str, Any], read_audits: Any
) -> None:
    attacks = protected["prevent"]
    assert attacks.run("around_second_c_library")[1] == (lock == "unlocked")
    outcome, happened, said = attacks.run("around_second_c_library_again")
    assert (outcome.document, happened) == (status(127), False)
    assert [audit["attackType"] for audit in read_audits(said)] == ["explicitlyDeniedProcess"]


def test_repeats_are_counted(protected: dict[str, Any], read_audits: Any) -> None:
    """Within an invocation they make one line at once, and one with the rest when the invocation ends."""
    _, _, said = protected["prevent"].run("os_system_five_times")
    assert [audit["count"] for audit in read_audits(said)] == [1, 4]


def test_lists(attacks_in: Any, libraries: Any, policy: Any, tmp_path: Path, read_audits: Any) -> None:
    """What a list allows runs without an audit, while the rest is stopped."""
    allowed = policy("prevent", block_all=False, allow=(shutil.which("touch"),))
    attacks = attacks_in("attacks", tmp_path, allowed, **libraries)
    try:
        outcome, happened, said = attacks.run("subprocess_run")
        assert (outcome.document, happened, read_audits(said)) == ({"value": 0}, True, [])
        outcome, happened, said = attacks.run("os_system")
        assert (outcome.document, happened, len(read_audits(said))) == (status(127), False, 1)
    finally:
        attacks.close()
