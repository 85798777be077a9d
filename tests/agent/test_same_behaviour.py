"""A protected function answers as the original does: bytes of the answer, and the error with its frames."""

from __future__ import annotations

import json
import random
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

HANDLERS = [
    "plain",
    "with_context",
    "stateful",
    "proxy",
    "with_defaults",
    "arguments",
    "other_names",
    "runs_a_loop",
    "coroutine",
    "generator",
    "not_serialisable",
    "octets",
    "large",
    "nothing",
    "recursive",
    "application",
    "bound",
    "partial",
    "unnamed",
    "imported",
    "decorated",
    "conditional",
]
RAISED = ["own", "key", "chained", "empty", "recursion"]
DEPTH = 900
_LINE = re.compile(r'(File "[^"]*", line )\d+')


def _events() -> list[Any]:
    """Fifty events: the shapes that JSON has, and others drawn from them."""
    source = random.Random(20)
    leaves: list[Any] = [
        None,
        True,
        0,
        -1,
        1.5,
        10**20,
        "",
        "text",
        "\u00e9\u2603\U0001f600",
        "\u0000\n",
        [],
        {},
    ]
    drawn = [
        {source.choice("abcé"): source.choice(leaves), "list": [source.choice(leaves) for _ in range(3)]}
        for _ in range(50 - len(leaves))
    ]
    return leaves + drawn


@pytest.fixture
def place(tmp_path: Path) -> Any:
    """Put a copy of one function folder after the other at the same path, which stack traces name."""

    def put(folder: Path) -> Path:
        shutil.rmtree(tmp_path / "task", ignore_errors=True)
        return Path(shutil.copytree(folder, tmp_path / "task"))

    return put


def _answers(functions: Any, root: Path, policy: str | None, handler: str, events: list[Any]) -> list[Any]:
    with functions.start(root, policy, f"app.{handler}") as environment:
        return [environment.invoke(event) for event in events]


@pytest.mark.parametrize("handler", HANDLERS)
def test_answers_and_errors(handler: str, functions: Any, policy: Any, place: Any) -> None:
    events = [*_events(), *({"raise": kind} for kind in RAISED)]
    expected = _answers(functions, place(functions.original("same")), None, handler, events)
    root = place(functions.protected("same", [f"app.{name}" for name in [*HANDLERS, "exits"]]))
    found = _answers(functions, root, policy("prevent"), handler, events)
    assert len(found) == len(events) == 55
    assert {outcome.kind for outcome in expected} <= {"response", "error"}
    for event, before, after in zip(events, expected, found, strict=True):
        assert after.kind == before.kind, event
        if before.kind == "response":
            assert after.body == before.body, event
        else:
            assert _error(after.body) == _error(before.body), event


def _error(body: bytes) -> Any:
    """The error with its frames; embedding inserts lines, so numbers are the only thing that may differ."""
    error = json.loads(body)
    frames = [_LINE.sub(r"\1N", frame) for frame in error["stackTrace"]]
    # Endless recursion ends a frame or two earlier, where ours stands on the stack.
    error["stackTrace"] = frames[:DEPTH]
    return error


def test_frames_are_compared(functions: Any, place: Any) -> None:
    """The comparison above sees the function's own frames, down to the one that raised."""
    root = place(functions.original("same"))
    (outcome,) = _answers(functions, root, None, "plain", [{"raise": "own"}])
    frames = _error(outcome.body)["stackTrace"]
    assert [frame.split(", in ")[1].split("\n")[0] for frame in frames] == ["plain", "_maybe_raise", "fail"]


def test_environment_ends_alike(functions: Any, policy: Any, place: Any) -> None:
    events = [1, {"raise": "exit"}]
    expected = _answers(functions, place(functions.original("same")), None, "exits", events)
    root = place(functions.protected("same", [f"app.{name}" for name in [*HANDLERS, "exits"]]))
    assert _answers(functions, root, policy("prevent"), "exits", events) == expected
    assert (expected[1].kind, expected[1].status) == ("exit", 3)
