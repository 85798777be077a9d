"""Where the agent can't start, one line says why; the function answers (`open`) or refuses (`closed`).

What goes wrong is the same for every runtime: failures.py says it.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

CLIENT = Path(__file__).with_name("client.rb")
HANDLER = "def handler(event:, context:)\n  { 'answer' => event, 'id' => context.aws_request_id.size }\nend\n"


@pytest.fixture(scope="module")
def protected(functions: Any, tmp_path_factory: Any) -> Path:
    """A small function, protected once."""
    source, target = (tmp_path_factory.mktemp("fail-safe") / name for name in ("source", "protected"))
    source.mkdir()
    (source / "app.rb").write_text(HANDLER)
    functions.protect(source, target, ("app.handler",))
    return target


@pytest.fixture
def task_root(protected: Path, tmp_path: Path) -> Path:
    """A copy of the protected function that the test may break."""
    return Path(shutil.copytree(protected, tmp_path / "root"))


@pytest.fixture
def ruby(functions: Any) -> Any:
    return replace(functions, command=("ruby", str(CLIENT)))


def settings(task_root: Path, on_failure: str) -> None:
    text = f"module Twistlock\n  ON_FAILURE = '{on_failure}'\nend\n"
    (task_root / "twistlock" / "_settings.rb").write_text(text)


@pytest.mark.parametrize("on_failure", ["open", "closed"])
def test_failure(any_failure: Any, on_failure: str, ruby: Any, task_root: Path, policy: Any) -> None:
    settings(task_root, on_failure)
    if any_failure.folder:
        any_failure.folder(task_root)
    given = any_failure.policy(policy("prevent")) if any_failure.policy else policy("prevent")
    with ruby.start(task_root, given) as environment:
        outcomes = [environment.invoke(number) for number in range(3)]
        said = environment.errors()
    assert said.count("\n") == 1, said
    assert said.startswith("defender: NOT PROTECTED: ")
    assert any_failure.word in said
    if on_failure == "open":
        assert [one.document["answer"] for one in outcomes] == [0, 1, 2]
        assert "the function runs unprotected" in said
        return
    assert "every invocation will fail" in said
    for outcome in outcomes:
        assert outcome.kind == "error"
        assert outcome.document["errorType"] == "Function<Twistlock::NotProtectedError>"
        assert any_failure.word in outcome.document["errorMessage"]


@pytest.mark.parametrize(
    "text",
    [None, b"", b"module Twistlock", b"\xff\xfe", b"raise 'no'", b"raise NotImplementedError"],
    ids=lambda value: str(value),
)
def test_settings_that_can_not_be_read(text: bytes | None, ruby: Any, task_root: Path, policy: Any) -> None:
    """The core still enforces; what can't be read counts as open, and is said."""
    file = task_root / "twistlock" / "_settings.rb"
    if text is None:
        file.unlink()
    else:
        file.write_bytes(text)
    with ruby.start(task_root, policy("prevent")) as environment:
        assert environment.invoke(1).document["answer"] == 1
        lines = environment.errors().splitlines()
    assert sum(line.startswith("defender: ") and "_settings.rb" in line for line in lines) == 1
    assert '"lock"' in lines[-1]


def test_without_fiddle(ruby: Any, task_root: Path, policy: Any) -> None:
    """A Ruby that was built without libffi has no `fiddle.so`: the line says that it is missing."""
    settings(task_root, "closed")
    (task_root / "fiddle.so").write_bytes(b"no library")  # The task root comes first in $LOAD_PATH.
    with ruby.start(task_root, policy("prevent")) as environment:
        outcome = environment.invoke(1)
        said = environment.errors()
    assert outcome.document["errorType"] == "Function<Twistlock::NotProtectedError>"
    assert said.startswith("defender: NOT PROTECTED: ")
    assert "fiddle.so" in said


def test_disabled_policy_is_no_failure(ruby: Any, task_root: Path) -> None:
    """A function that no rule is for runs in a closed setting too."""
    from defender.policy import Identity, disabled

    settings(task_root, "closed")
    given = disabled(Identity(function="f", region=None, provider="aws", account=None))
    with ruby.start(task_root, given) as environment:
        assert environment.invoke(1).document["answer"] == 1
        assert "NOT PROTECTED" not in environment.errors()
