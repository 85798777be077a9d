"""Where the agent can't start, one line says why; the function answers (`open`) or refuses (`closed`).

What goes wrong is the same for every runtime; failures.py says it.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def task_root(node: Any, tmp_path: Path) -> Path:
    """A copy of the protected function that the test may break."""
    return Path(shutil.copytree(node.protected("nodejs"), tmp_path / "root"))


@pytest.mark.parametrize("on_failure", ["open", "closed"])
def test_failure(any_failure: Any, on_failure: str, node: Any, task_root: Path, policy: Any) -> None:
    (task_root / "twistlock" / "_settings.js").write_text(f"exports.on_failure = '{on_failure}';\n")
    if any_failure.folder:
        any_failure.folder(task_root)
    given = any_failure.policy(policy("prevent")) if any_failure.policy else policy("prevent")
    with node.start(task_root, given) as environment:
        outcomes = [environment.invoke({"event": number}) for number in range(3)]
        said = environment.errors()
    assert said.count("\n") == 1, said
    assert said.startswith("defender: NOT PROTECTED: ")
    assert any_failure.word in said
    if on_failure == "open":
        assert [one.document for one in outcomes] == [{"event": number} for number in range(3)]
        assert "the function runs unprotected" in said
        return
    assert "every invocation will fail" in said
    for outcome in outcomes:
        assert outcome.kind == "error"
        assert outcome.document["errorType"] == "NotProtectedError"
        assert any_failure.word in outcome.document["errorMessage"]


@pytest.mark.parametrize(
    "settings", [None, "", "exports.on_failure = (", "throw new Error('no')"], ids=lambda value: str(value)
)
def test_settings_that_can_not_be_read(settings: str | None, node: Any, task_root: Path, policy: Any) -> None:
    """The core still enforces; what can't be read counts as open."""
    file = task_root / "twistlock" / "_settings.js"
    if settings is None:
        file.unlink()
    else:
        file.write_text(settings)
    with node.start(task_root, policy("prevent")) as environment:
        assert environment.invoke(1).document == 1
        lines = environment.errors().splitlines()
    told = sum(line.startswith("defender: ") and "_settings.js" in line for line in lines)
    assert told == (settings != "")
    assert '"lock"' in lines[-1]


def test_disabled_policy_is_no_failure(node: Any, task_root: Path) -> None:
    """A function that no rule is for runs in a closed setting too."""
    from defender.policy import Identity, disabled

    (task_root / "twistlock" / "_settings.js").write_text("exports.on_failure = 'closed';\n")
    given = disabled(Identity(function="f", region=None, provider="aws", account=None))
    with node.start(task_root, given) as environment:
        assert environment.invoke(1).document == 1
        assert "NOT PROTECTED" not in environment.errors()
