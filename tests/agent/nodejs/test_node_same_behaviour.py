"""A protected function answers as the original does, under Lambda's own clients for Node.js."""

from __future__ import annotations

import base64
import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).parents[1] / "functions" / "nodejs_same" / "app.js"
HANDLERS = re.findall(r"^exports\.(\w+) =", SOURCE.read_text("utf-8"), re.M)
# A client of its own for the newest: it takes no handlers with callbacks.
CLIENTS = [(14, "3.3.0"), (24, "3.3.0"), (24, "4.0.2")]


@pytest.fixture(scope="module", params=CLIENTS, ids=lambda it: f"node{it[0]}-client{it[1]}")
def node(request: pytest.FixtureRequest, functions: Any) -> Any:
    return functions.on_node(*request.param)


@pytest.fixture(scope="module")
def pair(node: Any, policy: Callable[[str], str]) -> Any:
    """Runs the original and the protected function over the same events; gives what became of both."""
    names = [f"app.{name}" for name in HANDLERS]

    def run(name: str, events: list[Any]) -> list[Any]:
        found = []
        for root in (node.original("nodejs_same"), node.protected("nodejs_same", names)):
            given = None if root == node.original("nodejs_same") else policy("prevent")
            with node.start(root, given, f"app.{name}") as environment:
                outcomes = [environment.invoke(event) for event in events]
                if outcomes[-1].kind == "exit":
                    environment.process.wait()
                found.append((outcomes, environment.output(), environment.errors()))
        return found

    return run


def events() -> list[Any]:
    """Fifty events: every kind of JSON value, and shapes of random depth."""
    source = random.Random(5)
    leaves: list[Any] = [
        None,
        True,
        False,
        0,
        -1,
        1.5,
        1e300,
        2**53,
        "",
        "text",
        "\u00e9\u2603\U0001f600",
        [],
        {},
    ]
    any_of = source.choice
    shapes = [{"a": any_of(leaves), "b": [any_of(leaves), {"c": any_of(leaves)}]} for _ in range(36)]
    return [*leaves, *shapes, {"large": "x" * 100_000}]


def comparable(outcome: Any) -> tuple[Any, ...]:
    """An outcome without what the insertions change: of a stack, only which frames are the function's own is left.

    The agent's frame stands between those of the function and of the client, which calls the wrapper instead.
    """
    if outcome.kind in ("error", "init-error"):
        return outcome.kind, _described(outcome.document)
    body, streamed, trailer = outcome.body.partition(b"Lambda-Runtime-Function-Error-Type: ")
    kind, _, error = trailer.partition(b"\r\nLambda-Runtime-Function-Error-Body: ")
    return (
        outcome.kind,
        outcome.status,
        body,
        kind,
        streamed and _described(json.loads(base64.b64decode(error))),
    )


def _described(document: Any) -> tuple[Any, int]:
    stack = document.pop("trace", document.pop("stackTrace", []))
    return document, sum("/app.js:" in line for line in stack)


def test_fifty_events(pair: Any) -> None:
    (original, _, _), (protected, _, said) = pair("echo", events())
    assert protected == original
    assert [one.kind for one in original] == ["response"] * 50
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("name", HANDLERS)
def test_every_kind_of_handler(name: str, pair: Any) -> None:
    (original, printed, _), (protected, printed_too, _) = pair(name, [1, {"a": "b"}])
    assert [comparable(one) for one in protected] == [comparable(one) for one in original]
    if all(one.kind == "response" for one in original) and "Error" not in name and "Throws" not in name:
        assert _timeless(printed_too) == _timeless(printed)


def _timeless(text: str) -> str:
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "T", text)
    return re.sub(r"directory '.*'", "directory", text)


def test_the_newest_client_refuses_callbacks_as_before(functions: Any, policy: Any) -> None:
    """It counts the parameters that a handler declares, and the wrapper has as many."""
    node = functions.on_node(24, "4.0.2")
    root = node.protected("nodejs_same", [f"app.{name}" for name in HANDLERS])
    with node.start(root, policy("prevent"), "app.callback") as environment:
        outcome = environment.invoke(1)
    assert outcome.kind in ("init-error", "error")
    assert "callback" in json.dumps(outcome.document)
