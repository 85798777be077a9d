"""Every way to get rid of the agent from within the function, judged by what the policy was to stop afterwards.

Most attacks end with a program that would create the marker file; those on memory leave it when the memory was changed.
The unprotected run shows that each works on this machine. All is tried with the kernel lock and without it.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

NOT_STARTED = {"value": 127 << 8}
CHILD_NOT_STARTED = {"value": 127}
EPERM, EACCES = {"raised": "PermissionError", "errno": 1}, {"raised": "PermissionError", "errno": 13}
UNCHANGED = {"value": [1 << 8, "as it was"]}
UNCHANGED_BY_PROGRAM = {"value": [1, "as it was"]}
DENIED, HIJACKED = "explicitlyDeniedProcess", "policyHijacked"


@dataclass(frozen=True)
class Way:
    """One row: what a prevented attempt answers, and the kind of its audit; None where none can be written."""

    name: str
    prevented: Any
    attack: str | None

    @classmethod
    def of(cls, prefix: str, words: str, prevented: Any, attack: str | None) -> Iterator[Way]:
        for word in words.split():
            yield cls(f"{prefix}_{word}" if prefix else word, prevented, attack)


# Ways that differ in their last word; what a prevented attempt answers; what its one audit is.
ROWS: list[Any] = [
    ("policy", "unset changed unset_in_c changed_in_c put_in_c", NOT_STARTED, DENIED),
    ("start_again", "by_reloading", NOT_STARTED, DENIED),
    ("", "start_again second_core second_core_in_other_namespace", NOT_STARTED, DENIED),
    ("", "shim_disconnected library_closed pointer_to_policy", NOT_STARTED, DENIED),
    ("interface", "begin begin_often end drain", NOT_STARTED, DENIED),
    ("fault", "execve system posix_spawn open", NOT_STARTED, DENIED),
    ("descriptors", "closed replaced replaced_read_only closed_in_child", NOT_STARTED, DENIED),
    ("", "stderr_redirected all_descriptors_taken signals_ignored", NOT_STARTED, DENIED),
    ("limit", "few_descriptors little_stack", NOT_STARTED, DENIED),
    ("memory", "open open_by_thread open_by_process open_by_task open_by_dots", EACCES, HIJACKED),
    ("memory", "os_open os_open_write_only relative reopened link", EACCES, HIJACKED),
    ("memory", "ctypes_open ctypes_creat by_number by_second_number from_child", EACCES, HIJACKED),
    ("memory", "ctypes_fopen ctypes_fopen_comma ctypes_setmntent", EACCES, HIJACKED),
    ("memory", "ctypes_freopen ctypes_freopen_itself", EACCES, HIJACKED),
    ("", "userfaultfd write_to_itself", EPERM, HIJACKED),
    ("fork", "write_by_name write_by_number trace_by_name trace_by_number", UNCHANGED, HIJACKED),
    ("pages", "protection protection_by_number mapped_over mapped_over_by_number", EPERM, HIJACKED),
    ("pages", "unmapped moved forgotten", EPERM, HIJACKED),
]
# With stderr in every form gone, an audit has nowhere to go.
SILENT: list[Any] = [("descriptors", "closed_with_stderr replaced_with_stderr", NOT_STARTED, None)]
# From programs that the policy allows.
CHILD_ROWS: list[Any] = [
    (
        "program",
        "write_by_name write_by_number trace_by_name trace_by_number",
        UNCHANGED_BY_PROGRAM,
        HIJACKED,
    ),
    ("child", "plain without_preload with_other_preload with_empty_preload", CHILD_NOT_STARTED, DENIED),
    ("child", "with_two_preloads without_policy with_other_policy without_parent", CHILD_NOT_STARTED, DENIED),
    ("child", "with_other_parent without_environment grandchild spawned", CHILD_NOT_STARTED, DENIED),
    ("loaded_by_child", "preload", {"value": 0}, DENIED),
    ("", "child_without_library memory_given_to_program", EACCES, HIJACKED),
]
# Not stopped by hooks; the kernel lock stops the program, where the policy lets none start.
AROUND = ["around_restored_symbol"]
# And nothing is found later.
AROUND_FOR_GOOD = ["around_restored_symbol_unseen"]
# Programs that take no library along, or run one of the attacker's before it.
CHILD_AROUND = [
    "around_static_program",
    "loaded_by_child_preload_before_all",
]
# The environment that makes the linker load it first does not reach the program.
CHILD_SILENT: list[Any] = [("loaded_by_child", "audit", {"value": 0}, None)]


def _rows(table: list[Any]) -> list[Way]:
    return [way for row in table for way in Way.of(*row)]


@pytest.fixture(scope="module")
def programs(compile_library: Callable[..., Path], functions: Any, tmp_path_factory: Any) -> dict[str, str]:
    """What the attacks bring along."""
    source = functions.original("tampering")
    static = tmp_path_factory.mktemp("programs") / "static"
    zig = [sys.executable, "-m", "ziglang", "cc", "-static", "-nostdlib", "-O1", "-fno-sanitize=undefined"]
    cache = str(Path(__file__).parents[2] / "build" / "zig")
    caches = {"ZIG_GLOBAL_CACHE_DIR": cache, "ZIG_LOCAL_CACHE_DIR": cache}
    subprocess.run([*zig, source / "static.c", "-o", static], check=True, env={**os.environ, **caches})
    first = static.with_name("first.so")
    linker = ["cc", "-shared", "-fPIC", "-Wl,-z,initfirst"]
    subprocess.run([*linker, source / "preloaded.c", "-o", first], check=True)
    core = functions.protected("tampering") / "twistlock" / f"libdefender-linux-{platform.machine()}"
    return {
        "ATTACK_STATIC": str(static),
        "ATTACK_FAULTS": str(compile_library(source / "faults.c", "faults.so")),
        "ATTACK_PRELOADED": str(compile_library(source / "preloaded.c", "preloaded.so")),
        "ATTACK_PRELOADED_FIRST": str(first),
        "ATTACK_CORE": str(core),
    }


@pytest.fixture(scope="module")
def start(
    attacks_in: Any, functions: Any, programs: dict[str, str], policy: Any, tmp_path_factory: Any
) -> Iterator[Any]:
    """Starts an environment, and ends all of them in the end."""
    opened = []

    def start_one(label: str, text: str | None, here: Any = functions) -> Any:
        root = functions.original("tampering") if text is None else functions.protected("tampering")
        variables = {
            "PYTHONPATH": f"{root}:{functions.original('attacks')}",
            "ATTACK_POLICY": policy("disable"),
            # How the attacker finds the policy in memory: by the name of its rule.
            "ATTACK_RULE": "" if text is None else "default",
        }
        one = attacks_in("tampering", tmp_path_factory.mktemp(label), text, here, **variables, **programs)
        opened.append(one)
        return one

    yield start_one
    for one in opened:
        one.close()


@pytest.fixture(scope="module")
def unprotected(start: Any) -> Callable[[str], Any]:
    attacks = start("unprotected", None)
    known: dict[str, Any] = {}

    def run(way: str) -> Any:
        if way not in known:
            known[way] = attacks.run(way)
            attacks.renew()
        return known[way]

    return run


@pytest.fixture(scope="module", params=["locked", "unlocked"])
def lock(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def protected(lock: str, functions: Any, start: Any, policy: Any) -> dict[str, Any]:
    here = functions if lock == "locked" else functions.without_seccomp()
    return {effect: start(effect, policy(effect), here) for effect in ("prevent", "alert", "block")}


@pytest.fixture(scope="module")
def allowing(lock: str, functions: Any, start: Any, policy: Any, programs: dict[str, str]) -> dict[str, Any]:
    """Environments whose policy lets two programs start."""
    here = functions if lock == "locked" else functions.without_seccomp()
    allow = (os.path.realpath(sys.executable), programs["ATTACK_STATIC"])
    return {
        effect: start(f"allowing-{effect}", policy(effect, block_all=False, allow=allow), here)
        for effect in ("prevent", "alert", "block")
    }


@pytest.fixture(autouse=True)
def library_is_back(functions: Any) -> Iterator[None]:
    """The way that moves the agent's library away can't put it back where `block` ends it."""
    yield
    for gone in (functions.protected("tampering") / "twistlock").glob("*.gone"):
        gone.rename(gone.with_suffix(""))


def test_table_is_whole(functions: Any) -> None:
    """Every way of the function has its row."""
    code = "import sys; sys.path.append(sys.argv[1]); import app; print(*app.WAYS)"
    run = subprocess.run(
        [sys.executable, "-B", "-c", code, functions.original("attacks")],
        cwd=functions.original("tampering"),
        capture_output=True,
        text=True,
    )
    rows = [way.name for way in _rows(ROWS + SILENT + CHILD_ROWS + CHILD_SILENT)]
    assert sorted(run.stdout.split()) == sorted(
        [*rows, *AROUND, *AROUND_FOR_GOOD, *CHILD_AROUND, "plain_attack"]
    )


@pytest.mark.parametrize("way", _rows(ROWS + SILENT), ids=lambda way: way.name)
def test_way(way: Way, lock: str, unprotected: Any, protected: dict[str, Any], read_audits: Any) -> None:
    _check(way, lock, unprotected, protected, read_audits)


@pytest.mark.parametrize("way", _rows(CHILD_ROWS), ids=lambda way: way.name)
def test_way_from_a_program(
    way: Way, lock: str, unprotected: Any, allowing: dict[str, Any], read_audits: Any
) -> None:
    _check(way, lock, unprotected, allowing, read_audits)


def _check(way: Way, lock: str, unprotected: Any, environments: dict[str, Any], read_audits: Any) -> None:
    control, works, _ = unprotected(way.name)
    assert works, control

    outcome, happened, said = environments["prevent"].run(way.name)
    assert (outcome.kind, happened) == ("response", False), outcome
    assert outcome.document == way.prevented
    _check_audits(read_audits(said), way, "prevent")

    if not way.name.startswith("pages_"):  # They are the agent's: unprotected, there are none.
        outcome, happened, said = environments["alert"].run(way.name)
        assert (outcome, happened) == (control, True)
        assert {(it["attackType"], it["effect"]) for it in read_audits(said)} <= {(way.attack, "alert")}

    if lock == "unlocked":
        outcome, happened, said = environments["block"].run(way.name)
        assert (outcome.kind, happened) == ("exit", False), outcome
        _check_audits(read_audits(said), way, "block")
    for attacks in environments.values():
        if way.name.startswith(("descriptors_", "pages_", "second_core", "shim_", "pointer_")):
            attacks.renew()


def _check_audits(found: list[dict[str, Any]], way: Way, effect: str) -> None:
    expected = [(way.attack, effect, 1)] if way.attack else []
    assert [(it["attackType"], it["effect"], it["count"]) for it in found] == expected, found


@pytest.mark.parametrize("way", _rows(CHILD_SILENT), ids=lambda way: way.name)
def test_way_that_does_not_reach_a_program(
    way: Way, unprotected: Any, allowing: dict[str, Any], read_audits: Any
) -> None:
    """It runs as if nobody had asked for more; with `alert` the library runs before the core does, unseen."""
    control, works, _ = unprotected(way.name)
    assert works, control
    for effect, reached in (("prevent", False), ("block", False), ("alert", True)):
        outcome, happened, said = allowing[effect].run(way.name)
        assert (outcome.document, happened, read_audits(said)) == (way.prevented, reached, [])


@pytest.mark.parametrize("way", AROUND)
def test_way_around(
    way: str, lock: str, unprotected: Any, protected: dict[str, Any], read_audits: Any
) -> None:
    """What was overwritten is found when the next invocation begins, and put back."""
    assert unprotected(way)[1]
    attacks = protected["prevent"]
    attacks.renew()
    _, happened, said = attacks.run(way)
    assert (happened, read_audits(said)) == (lock == "unlocked", [])
    outcome, happened, said = attacks.run("plain_attack")
    assert (outcome.document, happened) == (NOT_STARTED, False)
    assert [audit["attackType"] for audit in read_audits(said)] == [HIJACKED, DENIED]


@pytest.mark.parametrize("way", AROUND_FOR_GOOD)
def test_way_around_for_good(
    way: str, lock: str, unprotected: Any, protected: dict[str, Any], read_audits: Any
) -> None:
    """Who can write to libc's tables can also keep the core from looking at them again: the kernel's lock remains."""
    assert unprotected(way)[1]
    attacks = protected["prevent"]
    attacks.renew()
    for step in (way, way):
        _, happened, said = attacks.run(step)
        assert (happened, read_audits(said)) == (lock == "unlocked", [])
    attacks.renew()


@pytest.mark.parametrize("way", CHILD_AROUND)
def test_way_around_from_a_program(way: str, unprotected: Any, allowing: dict[str, Any]) -> None:
    """An allowed program is what each of these takes first; with `block_all` there is none."""
    assert unprotected(way)[1]
    assert allowing["prevent"].run(way)[1]
