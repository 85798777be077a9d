"""Every golden case of Node.js, run by Lambda's client: the protected function answers as the original does."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

FIXTURES = Path(__file__).parents[3] / "fixtures" / "nodejs"
ODD: list[Any] = [None, "text", 7, [], {"n": 3}]
# Wrapped by hand: without an agent in the package there is nothing to compare.
BY_HAND = "Cannot find module './twistlock"


def _facts(case: Path) -> dict[str, Any]:
    return tomllib.loads((case / "case.toml").read_text("utf-8"))


def _cases() -> list[Path]:
    """The cases that embed does not refuse, less the sources that have to be built before they can be loaded."""
    found = sorted(path.parent for path in FIXTURES.glob("*/case.toml"))
    return [
        case for case in found if not {"refused", "bundler", "compiler", "packager"} & _facts(case).keys()
    ]


def test_there_are_cases() -> None:
    assert len(_cases()) > 80


@pytest.fixture(scope="module")
def tracing(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variable that gives the cases the list that they write into when they are loaded."""
    file = tmp_path_factory.mktemp("tracing") / "trace.js"
    file.write_text("globalThis.trace = [];\n")
    return {"NODE_OPTIONS": f"--require {file}"}


@pytest.mark.parametrize("case", _cases(), ids=lambda case: case.name)
def test_answers_as_the_original(
    case: Path, functions: Any, policy: Any, tracing: dict[str, str], tmp_path: Path
) -> None:
    node, facts = functions.on_node(24), _facts(case)
    runtime = facts.get("runtime", "nodejs")
    report = functions.protect(case / "in", tmp_path / "protected", facts["handlers"], "--runtime", runtime)
    for function in report["functions"]:
        handler = function["handler"]["before"]
        events = [it["event"] for it in facts["events"] if it.get("handler", handler) == handler] + ODD
        place = tmp_path / "task"
        answers = []
        for folder, text in ((case / "in", None), (tmp_path / "protected", policy("prevent"))):
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(folder, place)
            root = place / function["task_root"]
            with node.start(root, text, handler, **tracing) as environment:
                answers.append([_comparable(environment.invoke(event)) for event in events])
        before, after = answers
        if before[0][0] == "init-error" and BY_HAND in before[0][1]["errorMessage"]:
            assert {kind for kind, _ in after} <= {"response", "error"}
        else:
            assert after == before
            assert "init-error" not in {kind for kind, _ in before}


def _comparable(outcome: Any) -> tuple[str, Any]:
    """Bytes of an answer; an error without its stack, which the wrapper has a frame in.

    One that ends a streamed response comes behind it.
    """
    if outcome.kind not in ("error", "init-error"):
        return outcome.kind, outcome.body.partition(b"Lambda-Runtime-Function-Error-Body")[0]
    return outcome.kind, {
        key: value for key, value in outcome.document.items() if key not in ("trace", "stackTrace")
    }
