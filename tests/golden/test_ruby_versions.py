"""Protected Ruby functions loaded by Ruby 3.2, 3.3 and 3.4, compiled to WebAssembly (tests/ruby-versions).

No native code runs in there, so the agent can't start: each says so, and lets the function run. What shows is all the
rest of the proof of test_proof.py: the agent's file comes first, the platform gets the wrapper, answers are the same.
That each insertion is needed is shown there.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
RUBIES = HERE.parents[1] / "build" / "ruby"
VERSIONS = ["3.2", "3.3", "3.4"]


def job(case: Any, root: Path) -> dict[str, Any]:
    first = case.facts["handlers"][0]
    events = [(one.get("handler", first), one["event"]) for one in case.facts["events"]]
    return {"root": str(root), "handlers": case.facts["handlers"], "events": events}


def answers(result: dict[str, Any]) -> list[Any]:
    """Ruby 3.4 names in a frame the module that a method lies in: `module_function` has it in two."""
    return [
        {**one, "frames": [[path, re.sub(r".*[#.]", "", label)] for path, label in one.get("frames", [])]}
        for one in result["answers"]
    ]


def failures(result: dict[str, Any], original: dict[str, Any]) -> list[str]:
    """Why a loaded function is not wrapped, or not the function that it was."""
    if result.get("probe") or result["error"]:
        return [f"it could not be loaded: {result.get('probe') or result['error']}"]
    found = [f"{path}:{line} ran before the agent" for path, line in result["early"]]
    if result["status"] != "failed" or "on Linux only" not in result["reason"]:
        found.append(f"the agent is {result['status']}: {result['reason']}")
    found += [f"{name} is not wrapped" for name, wrapped in result["wrapped"].items() if not wrapped]
    if answers(result) != answers(original):
        found.append(f"the original answers {original['answers']}, this {result['answers']}")
    return found


@pytest.fixture(scope="module")
def folders(
    all_cases: Any, add_agent: Callable[..., Path], tmp_path_factory: Any
) -> dict[str, dict[str, tuple[Any, Path]]]:
    """The original and the protected function of every Ruby case."""
    base = tmp_path_factory.mktemp("versions")
    found: dict[str, dict[str, tuple[Any, Path]]] = {}
    for case in all_cases:
        if case.family != "ruby" or "refused" in case.facts:
            continue
        named = {
            "original": case.copy_to(base / case.name / "original"),
            "protected": add_agent(case.protect_to(base / case.name / "protected"), "ruby"),
        }
        if any(b"Twistlock.handler" in path.read_bytes() for path in case.source.rglob("*.rb")):
            add_agent(named["original"], "ruby")  # Protected by hand: the original needs the agent as well.
        found[case.name] = {name: (case, folder) for name, folder in named.items()}
    return found


@pytest.fixture(scope="module", params=VERSIONS)
def loaded(request: pytest.FixtureRequest, folders: Any) -> dict[str, dict[str, Any]]:
    """What one version tells of everything that it can load."""
    version = tuple(int(part) for part in request.param.split("."))
    wanted = [
        (label, name, job(case, folder))
        for label, named in folders.items()
        for name, (case, folder) in named.items()
        if case.oldest <= version
    ]
    program = [HERE / "ruby_versions.mjs", RUBIES / request.param, HERE / "probe.rb"]
    run = subprocess.run(
        ["node", "--no-warnings", *map(str, program)],
        input=json.dumps([one for _, _, one in wanted]),
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    found: dict[str, dict[str, Any]] = {}
    for (label, name, _), result in zip(wanted, json.loads(run.stdout), strict=True):
        found.setdefault(label, {})[name] = result
    assert len(found) > 60
    return found


def test_every_case_is_wrapped(loaded: dict[str, dict[str, Any]]) -> None:
    wrong = {label: failures(named["protected"], named["original"]) for label, named in loaded.items()}
    assert {label: found for label, found in wrong.items() if found} == {}


def test_what_is_not_protected_is_seen(loaded: dict[str, dict[str, Any]]) -> None:
    for label, named in loaded.items():
        if not label.startswith("by-hand"):
            assert failures(named["original"], named["original"]), label
