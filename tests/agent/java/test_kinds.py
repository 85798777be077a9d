"""Every kind of handler that Lambda's Java runtime takes, as it is and behind the redirecting class: the same answers.

The core is active before the handler's class is initialised: there each class tries to start a program.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .conftest import jdks
from .rows import SOURCES

ORDER = {"name": "tea", "counts": [1, 2]}
PROXY = {"path": "/x", "httpMethod": "GET", "body": "{}", "requestContext": {"stage": "prod", "identity": {}}}
STORED = {
    "Records": [
        {
            "eventTime": "2026-11-24T10:00:00.000Z",
            "s3": {"bucket": {"name": "b"}, "object": {"key": "k y", "size": 1}},
        }
    ]
}
SCHEDULED = {
    "id": "1",
    "detail-type": "Scheduled Event",
    "time": "2026-11-24T10:00:00Z",
    "detail": {"a": [1]},
}
# The handler, and events: one that it is made for, and others.
KINDS: dict[str, list[Any]] = {
    "kinds.Interfaces$Maps": [{"a": 1, "b": [None, {"c": "d"}]}, {}, None, "text", [1]],
    "kinds.Interfaces$Beans": [ORDER, {}, {"name": None, "unknown": 1}, 5],
    "kinds.Interfaces$Nested": [{"x": [ORDER, {}]}, {"x": ORDER}],
    "kinds.Interfaces$Raw": [{"a": 1}],
    "kinds.Interfaces$Nothing": [7, "none"],
    "kinds.Interfaces$Gateway": [PROXY],
    "kinds.Interfaces$Stored": [STORED, {"Records": []}],
    "kinds.Interfaces$Scheduled": [SCHEDULED],
    "kinds.Interfaces$Stream": [{"a": "\u00e9\u2603"}, b"no json"],
    "kinds.Interfaces$Stream::handleRequest": [[1, 2]],
    "kinds.Interfaces$Generic": [ORDER],
    "kinds.Interfaces$Inherited": [{"a": 1}],
    "kinds.Interfaces$Inherited::handleRequest": [{"a": 1}],
    "kinds.Interfaces$Twice": [ORDER],
    "kinds.Interfaces$Bounded": [ORDER],
    "kinds.Interfaces$Open": [1],
    "kinds.Interfaces$ByDefault": [41],
    "kinds.Methods::one": ["a", None, {"not": "text"}],
    "kinds.Methods::withContext": ["a"],
    "kinds.Methods::none": [{}],
    "kinds.Methods::contextOnly": [None],
    "kinds.Methods::primitive": [1, "x"],
    "kinds.Methods::arrays": [[1, 2.5]],
    "kinds.Methods::nothing": [{"a": "b"}],
    "kinds.Methods::beans": [[ORDER, {}]],
    "kinds.Methods::input": ["a"],
    "kinds.Methods::inputWithContext": ["a"],
    "kinds.Methods::output": ["a"],
    "kinds.Methods::outputWithContext": ["a"],
    "kinds.Methods::both": [{"a": [1]}],
    "kinds.Methods::bothWithContext": [{"a": [1]}],
    "kinds.Methods::overloaded": ["a"],
    "kinds.Methods$Inherited::handle": [["a"]],
    "kinds.Methods$ByDefault::handle": [4],
    "kinds.Methods$Bridged": [4],
    "kinds.Methods$Bridged::handleRequest": [4],
    "kinds.Failing::checked": ["a"],
    "kinds.Failing::unchecked": ["a", "b"],
    "kinds.Failing::error": ["a", "b"],
    "kinds.Failing::exits": ["a"],
    "kinds.Failing$Checked": ["a", "b"],
    "Unpackaged::handle": ["a"],
}
# The runtime gives the class up before it is initialised, or nothing of ours is in it that would try.
SILENT = {"kinds.Interfaces$Open", "kinds.Interfaces$Raw", "Unpackaged::handle"}
# What embedding refuses or can't see: the platform's own word on it stays the same.
UNFIT = [
    "kinds.Missing",
    "kinds.Methods",
    "kinds.Methods::missing",
    "kinds.Methods::hidden",
    "kinds.Methods::unfit",
    "kinds.Methods::",
    "::",
    "kinds.Failing$InStatic",
    "kinds.Failing$InConstructor",
    "kinds.Failing$InMethodsConstructor::handle",
    "kinds.Failing$WithoutConstructor",
    "kinds.Failing$Inner",
    "kinds.Failing$Unfinished",
]
DENIED = 'early: Cannot run program "/bin/true": '


@pytest.fixture(scope="module")
def java(make_java: Any) -> Any:
    sources = [*(SOURCES / "kinds").glob("*.java"), SOURCES / "Unpackaged.java"]
    return make_java("kinds", list(KINDS), sources)


def behaviour(environment: Any, events: list[Any]) -> tuple[list[Any], str, list[str]]:
    """What becomes of the events, stdout, and stderr's lines but for the agent's own."""
    with environment as running:
        outcomes = [running.invoke(event) for event in events]
        running.finish()
        lines = [line for line in running.errors().splitlines() if not line.startswith('{"time"')]
        return [(one.kind, one.status, told(one.body)) for one in outcomes], running.output(), lines


def told(body: bytes) -> Any:
    """An answer, or an error without the agent's one frame."""
    try:
        document = json.loads(body)
    except ValueError:
        return body
    if not isinstance(document, dict) or "stackTrace" not in document:
        return body
    frames = [frame for frame in document["stackTrace"] if "com.twistlock.serverless." not in frame]
    assert len(document["stackTrace"]) - len(frames) <= 2
    return {**document, "stackTrace": frames}


def without_attempts(lines: list[str]) -> list[str]:
    return [
        line for line in lines if not line.startswith("early: ") and "com.twistlock.serverless." not in line
    ]


@pytest.mark.parametrize("handler", KINDS)
def test_kind(handler: str, java: Any, policy: Any) -> None:
    outcomes, output, lines = behaviour(java.start(handler), KINDS[handler])
    protected = behaviour(java.start_protected(handler, policy("prevent")), KINDS[handler])
    assert protected[0] == outcomes
    assert protected[1] == output
    assert without_attempts(protected[2]) == without_attempts(lines)
    attempts = [[line for line in each if line.startswith("early: ")] for each in (lines, protected[2])]
    if handler not in SILENT:
        assert attempts[0]
    assert set(attempts[0]) <= {"early: exit 0"}
    assert len(attempts[1]) == len(attempts[0])
    assert all(line.startswith(DENIED) for line in attempts[1])


@pytest.mark.parametrize("handler", UNFIT)
def test_unfit(handler: str, java: Any, policy: Any) -> None:
    """The platform's errors for handlers that can't be loaded or made are what they were."""
    expected = behaviour(java.start(handler), [1])
    found = behaviour(java.start_protected(handler, policy("prevent")), [1])
    assert found[:2] == expected[:2]
    assert without_attempts(found[2]) == without_attempts(expected[2])


@pytest.mark.parametrize("handler", ["", "com.twistlock.serverless.ProtectedHandler"])
def test_no_handler_behind(handler: str, java: Any, policy: Any) -> None:
    with java.start_protected(handler, policy("prevent")) as running:
        outcome = running.invoke(1)
    assert outcome.kind == "init-error"
    assert "TW_HANDLER" in outcome.document["errorMessage"]


@pytest.mark.parametrize("home", jdks(), ids=lambda path: path.name)
def test_records_on_each_jdk(home: Path, make_java: Any, policy: Any) -> None:
    java = make_java("records", ["records.Records"], [SOURCES / "records" / "Records.java"], release=17).on(
        home
    )
    events = [ORDER, {"name": "x"}, {}, 1]
    expected = behaviour(java.start("records.Records"), events)
    assert behaviour(java.start_protected("records.Records", policy("prevent")), events) == expected
