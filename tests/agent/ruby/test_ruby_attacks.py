"""Every way of a Ruby function to start a program or to get rid of the agent, judged by its effect.

The unprotected run shows that each way works on this machine, or its row could not fail. All is tried with the kernel
lock and where the platform refuses it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

CLIENT = Path(__file__).with_name("client.rb")
EPERM, EACCES = {"raised": "Errno::EPERM", "errno": 1}, {"raised": "Errno::EACCES", "errno": 13}
NIL, IN_CHILD, NOT_STARTED = {"value": None}, {"value": 13}, {"value": 127 << 8}
DENIED, HIJACKED = "explicitlyDeniedProcess", "policyHijacked"


@dataclass(frozen=True)
class Way:
    """One row: what a prevented attempt answers, and the kind of its one audit."""

    name: str
    prevented: Any
    attack: str

    @property
    def replaces_process(self) -> bool:
        """Whether nobody is left to answer where it is not stopped."""
        return self.name in ("exec", "exec_shell")


# Ways that differ in their last word, and what a prevented attempt answers.
PROCESSES: list[Any] = [
    ("", "system", NIL),
    ("system", "shell environment argv0 folder process_group", NIL),
    ("system", "exception", EACCES),
    ("", "backticks percent_x", EACCES),
    ("", "exec", EACCES),
    ("exec", "shell", EACCES),
    ("exec", "in_fork", IN_CHILD),
    ("process", "exec", IN_CHILD),
    ("process", "spawn", EACCES),
    ("", "spawn", EACCES),
    ("spawn", "redirected", EACCES),
    ("io", "popen popen_shell read foreach readlines", EACCES),
    ("io", "popen_fork", {"value": ""}),
    ("open3", "capture2 capture2e capture3 popen3 pipeline", EACCES),
    ("pty", "spawn", EACCES),
    ("", "kernel_open uri_open", EACCES),
    ("", "daemon_exec", {"value": "13"}),
    ("", "thread fiber ractor enumerator send unbound_method signal_handler autoload script other_ruby", NIL),
    ("", "eval", EACCES),
    ("", "erb", {"value": ""}),
    ("", "at_exit finalizer", {"value": 0}),
    ("", "syscall_execve", IN_CHILD),
    ("fiddle", "system dlsym other_namespace", NOT_STARTED),
    ("fiddle", "execv execve syscall popen posix_spawn", IN_CHILD),
    ("fiddle", "callback", NIL),
]
# Each in an environment of its own: what it changed would change the next.
SHIM: list[Any] = [
    ("shim", "redefined removed loaded_again core_called", NIL),
    ("", "library_closed fiddle_redefined fiddle_removed trace_point prepended", NIL),
    ("", "policy_unset policy_changed second_core interface_end", NIL),
]
MEMORY: list[Any] = [
    ("memory", "open sysopen write pathname child", EACCES),
    ("pages", "protection unmapped protection_by_number", EPERM),
]
AROUND = ["around_machine_code", "around_second_c_library"]


def rows(table: list[Any], attack: str) -> list[Way]:
    return [
        Way(f"{prefix}_{word}" if prefix else word, prevented, attack)
        for prefix, words, prevented in table
        for word in words.split()
    ]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give tests that take `way` each row."""
    if "way" in metafunc.fixturenames:
        found = [*rows(PROCESSES, DENIED), *rows(SHIM, DENIED), *rows(MEMORY, HIJACKED)]
        metafunc.parametrize("way", found, ids=[way.name for way in found])


@pytest.fixture(scope="module")
def ruby(functions: Any) -> Any:
    return replace(functions, command=("ruby", str(CLIENT)))


@pytest.fixture(scope="module")
def start(attacks_in: Any, policy: Any, tmp_path_factory: Any) -> Iterator[Any]:
    """Starts an environment, and ends all of them in the end."""
    opened = []

    def start_one(label: str, text: str | None, here: Any) -> Any:
        # How the attacker finds the policy in memory: by the name of its rule.
        variables = {"ATTACK_POLICY": policy("disable"), "ATTACK_RULE": "" if text is None else "default"}
        one = attacks_in("ruby", tmp_path_factory.mktemp(label), text, here, **variables)
        opened.append(one)
        return one

    yield start_one
    for one in opened:
        one.close()


@pytest.fixture(scope="module")
def unprotected(start: Any, ruby: Any) -> Any:
    attacks = start("unprotected", None, ruby)
    known: dict[str, Any] = {}

    def run(way: Way) -> Any:
        if way.name not in known:
            known[way.name] = attacks.run(way.name)
            _renew(attacks, way)
        return known[way.name]

    return run


@pytest.fixture(scope="module", params=["locked", "unlocked"])
def lock(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def protected(lock: str, start: Any, ruby: Any, policy: Any) -> dict[str, Any]:
    here = ruby if lock == "locked" else ruby.without_seccomp()
    return {effect: start(effect, policy(effect), here) for effect in ("prevent", "alert", "block")}


def _renew(attacks: Any, way: Way) -> None:
    if way not in rows(PROCESSES, DENIED):
        attacks.renew()


def test_table_is_whole(functions: Any) -> None:
    """Every way of the function has its row."""
    folder = functions.original("ruby")
    text = "".join((folder / f"{name}.rb").read_text("utf-8") for name in ("processes", "around"))
    named = [way.name for table in (PROCESSES, SHIM, MEMORY) for way in rows(table, DENIED)]
    assert sorted(re.findall(r"^  '(\w+)' =>", text, re.M)) == sorted([*named, *AROUND])


def test_way(way: Way, unprotected: Any, protected: dict[str, Any], read_audits: Any) -> None:
    control, works, _ = unprotected(way)
    assert works, control
    assert (control.kind == "exit") == way.replaces_process

    outcome, happened, said = protected["prevent"].run(way.name)
    assert (outcome.kind, happened) == ("response", False), outcome
    assert outcome.document == way.prevented
    _check(read_audits(said), way, "prevent", protected["prevent"].request_id)

    if not way.name.startswith("pages_"):  # They are the agent's: unprotected, there are none.
        outcome, happened, said = protected["alert"].run(way.name)
        assert happened
        assert outcome == control
        _check(read_audits(said), way, "alert", protected["alert"].request_id)

    outcome, happened, said = protected["block"].run(way.name)
    assert (outcome.kind, happened) == ("exit", False)
    assert outcome.status != 0
    _check(read_audits(said), way, "block", protected["block"].request_id)
    for attacks in protected.values():
        _renew(attacks, way)


def _check(found: list[dict[str, Any]], way: Way, effect: str, request_id: str) -> None:
    assert [(one["effect"], one["attackType"]) for one in found] == [(effect, way.attack)]
    # An attack that begins an invocation of its own is audited with that one's id: none.
    assert found[0].get("requestID") == (None if way.name == "shim_core_called" else request_id)


@pytest.mark.parametrize("name", AROUND)
def test_way_around_the_hooks(
    name: str, lock: str, start: Any, ruby: Any, protected: dict[str, Any], read_audits: Any
) -> None:
    control, works, _ = start(name, None, ruby).run(name)
    assert works, control
    outcome, happened, said = protected["prevent"].run(name)
    assert (outcome.kind, happened) == ("response", lock == "unlocked")
    assert read_audits(said) == []
