"""Where the agent can't start, one line says why; the function answers (`open`) or refuses (`closed`).

What goes wrong is the same for every runtime: failures.py says it.
"""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def broken(task_root: Any, functions: Any, policy: Any) -> Any:
    """Start a protected function that something is wrong with."""

    def start(failure: Any, on_failure: str) -> Any:
        root = task_root("plain")
        settings = root / "twistlock" / "_settings.py"
        settings.write_text(f'on_failure = "{on_failure}"\n')
        if failure.folder:
            failure.folder(root)
        text = policy("prevent")
        return functions.start(root, failure.policy(text) if failure.policy else text)

    return start


def test_open_runs_the_function(any_failure: Any, broken: Any) -> None:
    with broken(any_failure, "open") as environment:
        for event in range(3):
            assert environment.invoke(event).document == {"answer": event}
        _one_line(environment.errors(), any_failure.word, "the function runs unprotected")


def test_closed_fails_every_invocation(any_failure: Any, broken: Any) -> None:
    with broken(any_failure, "closed") as environment:
        for event in range(3):
            outcome = environment.invoke(event)
            assert outcome.kind == "error"
            assert outcome.document["errorType"] == "NotProtectedError"
            assert any_failure.word in outcome.document["errorMessage"]
        _one_line(environment.errors(), any_failure.word, "every invocation will fail")


def _one_line(said: str, word: str, consequence: str) -> None:
    assert said.count("\n") == 1, said
    assert said.startswith("defender: NOT PROTECTED: ")
    assert word in said
    assert consequence in said


@pytest.mark.parametrize(
    "settings",
    [None, b"", b"on_failure = (", b"\xff\xfe", b"raise SystemError"],
    ids=lambda value: str(value),
)
def test_settings_that_can_not_be_read(
    settings: bytes | None, task_root: Any, functions: Any, policy: Any
) -> None:
    """The core still enforces; what can't be read counts as open, and is said."""
    root = task_root("plain")
    file = root / "twistlock" / "_settings.py"
    if settings is None:
        file.unlink()
    else:
        file.write_bytes(settings)
    with functions.start(root, policy("prevent")) as environment:
        assert environment.invoke(1).document == {"answer": 1}
        lines = environment.errors().splitlines()
    assert sum(line.startswith("defender: ") and "_settings.py" in line for line in lines) == 1


def test_disabled_policy_is_no_failure(functions: Any) -> None:
    """A function that no rule is for runs in a closed setting too."""
    from defender.policy import Identity, disabled

    policy = disabled(Identity(function="f", region=None, provider="aws", account=None))
    with functions.start(functions.protected("plain"), policy) as environment:
        assert environment.invoke(1).document == {"answer": 1}
        assert "NOT PROTECTED" not in environment.errors()
