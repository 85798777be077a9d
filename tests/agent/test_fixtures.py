"""Every golden case of Python, run by the real runtime: the protected function answers as the original does.

Fifty events each, the case's own among them, and some of other types, which raise an exception in every case.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

FIXTURES = Path(__file__).parents[2] / "fixtures" / "python"
EVENTS = 50
ODD: list[Any] = [None, "text", 7, []]
DIFFERENT = {
    # A stale .pyc beside the handler goes, since it would hide the edited source, and with it what it answered.
    "bytecode-beside",
    # Source that no file holds: a trace quotes the module's own lines in its place, which have moved.
    "exec-at-module-level",
}
_LINE = re.compile(r'(File "[^"]*", line )\d+')


def _cases() -> list[Path]:
    """The cases that embed does not refuse, and whose syntax this Python has."""
    chosen = []
    for path in sorted(FIXTURES.glob("*/case.toml")):
        facts = tomllib.loads(path.read_text("utf-8"))
        floor = tuple(int(part) for part in facts.get("python", "3.6").split("."))
        if "refused" not in facts and path.parent.name not in DIFFERENT and floor <= sys.version_info[:2]:
            chosen.append(path.parent)
    return chosen


def test_there_are_cases() -> None:
    assert len(_cases()) > 80


@pytest.mark.parametrize("case", _cases(), ids=lambda case: case.name)
def test_answers_as_the_original(case: Path, functions: Any, policy: Any, tmp_path: Path) -> None:
    facts = tomllib.loads((case / "case.toml").read_text("utf-8"))
    runtime = ("--runtime", facts["runtime"]) if "runtime" in facts else ()
    report = functions.protect(case / "in", tmp_path / "protected", facts["handlers"], *runtime)
    for function in report["functions"]:
        handler = function["handler"]["before"]
        events = [it["event"] for it in facts["events"] if it.get("handler", handler) == handler]
        events += [{"n": number, "id": "i", "user": "u"} for number in range(EVENTS - len(events))]
        events += ODD
        place = tmp_path / "task"
        answers = []
        for folder, text in ((case / "in", None), (tmp_path / "protected", policy("prevent"))):
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(folder, place)
            with functions.start(place / function["task_root"], text, handler) as environment:
                answers.append([_comparable(environment.invoke(event)) for event in events])
        before, after = answers
        if _was_protected_by_hand(before):
            assert {kind for kind, _ in after} <= {"response", "error"}
        else:
            assert after == before
            assert "error" in {kind for kind, _ in before}


def _was_protected_by_hand(answers: list[tuple[str, Any]]) -> bool:
    """Such a package does not run without an agent in it: there is nothing to compare."""
    kind, answer = answers[0]
    return kind == "init-error" and "No module named 'twistlock'" in answer["errorMessage"]


def _comparable(outcome: Any) -> tuple[str, Any]:
    """Bytes of an answer; an error without the numbers of lines, which embedding changes."""
    if outcome.kind not in ("error", "init-error"):
        return outcome.kind, outcome.body
    error = json.loads(outcome.body)
    error["stackTrace"] = [_LINE.sub(r"\1N", frame) for frame in error["stackTrace"]]
    return outcome.kind, error
