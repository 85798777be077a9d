"""Where the policy may come from, and what an embedding decides: the environment, the package, `--on-failure`."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def test_baked_policy_needs_no_variable(functions: Any, tmp_path: Path, read_audits: Any) -> None:
    report = functions.protect(
        functions.original("leaks"), tmp_path / "baked", ["app.handler"], "--baked-policy"
    )
    assert not report["environment"]
    with functions.start(tmp_path / "baked") as environment:
        assert environment.invoke({"attack": True}).document == 127 << 8
        assert len(read_audits(environment.errors())) == 1


def test_variable_wins_over_the_baked_policy(
    functions: Any, policy: Any, tmp_path: Path, read_audits: Any
) -> None:
    functions.protect(functions.original("leaks"), tmp_path / "baked", ["app.handler"], "--baked-policy")
    with functions.start(tmp_path / "baked", policy("alert")) as environment:
        assert environment.invoke({"attack": True}).document == 0
        assert [audit["effect"] for audit in read_audits(environment.errors())] == ["alert"]


def test_embedding_decides_what_a_failure_means(functions: Any, tmp_path: Path) -> None:
    for choice, kind in (("open", "response"), ("closed", "error")):
        target = tmp_path / choice
        functions.protect(functions.original("plain"), target, ["app.handler"], "--on-failure", choice)
        with functions.start(target) as environment:
            assert environment.invoke(1).kind == kind


def test_effect_of_the_command_line(functions: Any, tmp_path: Path, read_audits: Any) -> None:
    """The string that the command prints is the one that the core obeys."""
    report = functions.protect(
        functions.original("leaks"), tmp_path / "block", ["app.handler"], "--effect", "block"
    )
    with functions.start(tmp_path / "block", report["environment"]["TW_POLICY"]) as environment:
        assert environment.invoke({"measure": True}).kind == "response"
        outcome = environment.invoke({"attack": True})
        assert outcome.kind == "exit"
        assert outcome.status != 0
        assert len(read_audits(environment.errors())) == 1
