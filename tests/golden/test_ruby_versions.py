"""Protected Ruby functions loaded by Ruby 3.2 to 3.4, compiled to WebAssembly, and by JRuby (tests/ruby-versions).

No native code runs in there, so the agent can't start: each says so, and lets the function run. What shows is all the
rest of the proof of test_proof.py: the agent's file comes first, the platform gets the wrapper, answers are the same.
That each insertion is needed is shown there. JRuby 9.3 has the language of Ruby 2.6: what it loads, 2.7 does, too.
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
# Lines are traced in its debug mode alone; to compile what runs once would take longer.
JRUBY = [
    "java",
    "-XX:TieredStopAtLevel=1",
    "-Djruby.compile.mode=OFF",
    "-jar",
    str(RUBIES / "jruby" / "jruby.jar"),
]
RUN_ALL = "load ARGV[0]; puts JSON.generate(JSON.parse($stdin.read).map { |job| in_turn(job) })"
# JRuby 9.3 takes `f(**{ a: 1 })` for a call without arguments, where `def f` has none.
NOT_ON_JRUBY = frozenset({"arguments-missing"})


def job(case: Any, root: Path) -> dict[str, Any]:
    first = case.facts["handlers"][0]
    events = [(one.get("handler", first), one["event"]) for one in case.facts["events"]]
    return {"root": str(root), "handlers": case.facts["handlers"], "events": events}


def answers(result: dict[str, Any]) -> list[Any]:
    """Ruby 3.4 names in a frame the module that a method lies in: `module_function` has it in two.

    JRuby's frames show its own classes.
    """
    own = [one.get("frames", []) if "java" not in str(one) else [] for one in result["answers"]]
    named = [[[path, re.sub(r".*[#.]", "", label)] for path, label in frames] for frames in own]
    return [{**one, "frames": frames} for one, frames in zip(result["answers"], named, strict=True)]


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


@pytest.fixture(scope="module", params=[*VERSIONS, "jruby"])
def loaded(request: pytest.FixtureRequest, folders: Any) -> dict[str, dict[str, Any]]:
    """What one version tells of everything that it can load."""
    is_jruby = request.param == "jruby"
    version = (2, 7) if is_jruby else tuple(int(part) for part in request.param.split("."))
    wanted = [
        (label, name, job(case, folder))
        for label, named in folders.items()
        for name, (case, folder) in named.items()
        if case.oldest <= version and not (is_jruby and label in NOT_ON_JRUBY)
    ]
    wasm = ["node", "--no-warnings", str(HERE / "ruby_versions.mjs"), str(RUBIES / request.param)]
    run = subprocess.run(
        [*([*JRUBY, "--debug", "-e", RUN_ALL] if is_jruby else wasm), str(HERE / "probe.rb")],
        input=json.dumps([one for _, _, one in wanted]),
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    found: dict[str, dict[str, Any]] = {}
    for (label, name, _), result in zip(wanted, json.loads(run.stdout.splitlines()[-1]), strict=True):
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
