"""A protected Java function that starts programs, judged by effect; and ordinary work, which goes on.

The unprotected run shows that each way works on this machine, or its row could not fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import jdks
from .rows import BY_HELPER, ORDINARY, PROCESSES, SOURCES

HANDLER = "attacks.Attacks"
HELPER = "jspawnhelper"
NATIVE = {"native_system": 127 << 8, "native_execv": 13}


@pytest.fixture(scope="module", params=jdks(), ids=lambda path: path.name)
def environments(
    request: pytest.FixtureRequest, attacking: Any, policy: Any, compile_library: Any
) -> Iterator[dict[str, Any]]:
    library = str(compile_library(SOURCES / "attacks" / "native.c", "java-attacks.so"))
    java = attacking.on(request.param)
    started = {
        "original": java.start(HANDLER, ATTACKS_LIBRARY=library),
        **{
            effect: java.start_protected(HANDLER, policy(effect), ATTACKS_LIBRARY=library)
            for effect in ("prevent", "alert")
        },
        "unlocked": java.without_seccomp().start_protected(
            HANDLER, policy("prevent"), ATTACKS_LIBRARY=library
        ),
    }
    yield started
    for environment in started.values():
        environment.close()


def attempt(environment: Any, way: str, marker: Path) -> tuple[Any, bool]:
    outcome = environment.invoke({"table": "processes", "way": way, "at": str(marker)})
    return outcome.document, marker.exists()


@pytest.mark.parametrize("way", [*PROCESSES, *BY_HELPER])
def test_attack(way: str, environments: dict[str, Any], read_audits: Any, tmp_path: Path) -> None:
    control, works = attempt(environments["original"], way, tmp_path / "original")
    assert works, control
    for name in ("prevent", "unlocked"):
        prevented, happened = attempt(environments[name], way, tmp_path / name)
        assert not happened
        if way in NATIVE:
            assert prevented == {"value": NATIVE[way]}
        else:
            assert prevented["raised"] == "java.io.IOException"
            assert way in BY_HELPER or "Permission denied" in prevented["message"], prevented
    alerted, happened = attempt(environments["alert"], way, tmp_path / "alert")
    assert happened
    assert alerted == control
    for name, effect in {"prevent": "prevent", "unlocked": "prevent", "alert": "alert"}.items():
        mine = environments[name].request_id
        found = [one for one in read_audits(environments[name].errors()) if one["requestID"] == mine]
        assert {one["effect"] for one in found} == {effect}, found
        assert len(found) == 1 or way in BY_HELPER, found
        assert (HELPER in found[0]["processPath"]) == (way in BY_HELPER), found


@pytest.mark.parametrize("way", ORDINARY)
def test_no_false_stop(way: str, environments: dict[str, Any], read_audits: Any) -> None:
    event = {"table": "ordinary", "way": way, "at": ""}
    expected = environments["original"].invoke(event)
    assert "value" in expected.document, expected
    before = read_audits(environments["prevent"].errors())
    assert environments["prevent"].invoke(event) == expected
    assert read_audits(environments["prevent"].errors()) == before


def test_block_ends_the_environment(attacking: Any, policy: Any, read_audits: Any, tmp_path: Path) -> None:
    with attacking.start_protected(HANDLER, policy("block")) as environment:
        outcome = environment.invoke({"table": "processes", "way": "builder", "at": str(tmp_path / "marker")})
        environment.process.wait()
        found = read_audits(environment.errors())
    assert outcome.kind == "exit"
    assert environment.process.returncode != 0
    assert [one["effect"] for one in found] == ["block"]
    assert not (tmp_path / "marker").exists()


def test_allowed_program_runs_and_is_judged_too(
    attacking: Any, policy: Any, read_audits: Any, tmp_path: Path
) -> None:
    """A shell that is allowed runs under the policy, and the JVM's helper is not in its way."""
    allowing = policy("prevent", block_all=False, allow=("/bin/sh", "/usr/bin/sh", "/usr/bin/dash"))
    with attacking.start_protected(HANDLER, allowing) as environment:
        ran = environment.invoke(
            {"table": "processes", "way": "builder_shell", "at": str(tmp_path / "allowed")}
        )
        assert ran.document == {"value": 0}
        denied = environment.invoke({"table": "processes", "way": "builder", "at": str(tmp_path / "denied")})
        assert denied.document["raised"] == "java.io.IOException"
        found = read_audits(environment.errors())
    assert (tmp_path / "allowed").exists()
    assert not (tmp_path / "denied").exists()
    assert [one["processPath"] for one in found] == ["/usr/bin/touch"]
