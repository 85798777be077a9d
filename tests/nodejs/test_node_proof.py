"""Protected functions loaded by real Node.js: the agent first, the wrapper where it is looked for, all else the same.

Every case that embed does not refuse is loaded by the oldest and the newest Node.js of the tests, as Lambda's runtime
client loads it. What was inserted is then taken out again, one edit at a time: the same proof has to fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

Results = dict[str, dict[int, dict[str, dict[str, Any]]]]


def failures(result: dict[str, Any], original: dict[str, Any]) -> list[str]:
    """Why a loaded function is not what "protected" means, or not the function that it was."""
    if result["error"]:
        return [f"it could not be loaded: {result['error']}"]
    found = [f"{name} ran before the agent" for name in result["early"]]
    if result.get("status") != "enforcing":
        found.append(f"the agent is {result.get('status')}: {result.get('reason')}")
    found += [f"{name} is not wrapped" for name, wrapped in result["wrapped"].items() if not wrapped]
    found += unnamed(result, original)
    own, owned = (
        {name: [state["own"] for state in states] for name, states in one["exports"].items()}
        for one in (original, result)
    )
    if own != owned:
        found.append(f"the original exports {own}, this {owned}")
    found += [
        f"{part}: the original has {original[part]}, this {result[part]}"
        for part in ("answers", "handlers")
        if result[part] != original[part]
    ]
    return found


def unnamed(result: dict[str, Any], original: dict[str, Any]) -> Iterator[str]:
    """Where ES modules can't import the same names of a CommonJS module any more.

    The handler's own may come in addition: Node.js finds names by looking for assignments.
    """
    handlers = {name.rpartition("/")[2].split(".")[1] for name in original["wrapped"]}
    for module, states in original["exports"].items():
        for before, after in zip(states, result["exports"][module], strict=True):
            had, has = (set(one["named"]) for one in (before, after))
            if had - has or has - had - handlers:
                yield f"{module}: the names {had} are {has}"


def events_of(case: Any) -> list[tuple[str, Any]]:
    first = case.facts["handlers"][0]
    return [(one.get("handler", first), one["event"]) for one in case.facts["events"]]


@pytest.fixture(scope="module")
def loaded(
    case: Any,
    nodes: dict[int, Path],
    probe: Callable[..., Any],
    add_agent: Callable[..., Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[int, dict[str, Any]]:
    """One case, its original and its mutants, loaded by each version that can."""
    base = tmp_path_factory.mktemp(case.name)
    folders = {"original": base / "original", "protected": case.protect_to(base / "protected")}
    _copy(case, folders["original"])
    for index, (name, files) in enumerate(case.mutants()):
        folders[name] = case.protect_to(base / f"mutant{index}", files)
    for name, folder in folders.items():
        if name != "original" or b"twistlock" in b"".join(path.read_bytes() for path in _files(case)):
            add_agent(folder)
    jobs = [(version, name) for version in nodes if version >= case.oldest for name in folders]
    handlers, events = case.facts["handlers"], events_of(case)
    with ThreadPoolExecutor(2) as pool:
        done = pool.map(lambda job: probe(nodes[job[0]], folders[job[1]], handlers, events), jobs)
        found: dict[int, dict[str, Any]] = {}
        for (version, name), result in zip(jobs, done, strict=True):
            found.setdefault(version, {})[name] = result
    return found


def _files(case: Any) -> Iterator[Path]:
    return (path for path in case.source.rglob("*") if path.is_file())


def _copy(case: Any, target: Path) -> None:
    for path in _files(case):
        copy = target / path.relative_to(case.source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())


def test_protected_and_the_same(case: Any, loaded: dict[int, dict[str, Any]]) -> None:
    assert loaded
    for version, results in loaded.items():
        original = results["original"]
        assert original["error"] is None, version
        assert failures(results["protected"], original) == [], version
        assert original["answers"] == [
            {name: one[name] for name in ("answer", "raises", "streamed") if name in one} or {"answer": None}
            for one in case.facts["events"]
        ], version


def test_original_is_not_protected(case: Any, loaded: dict[int, dict[str, Any]]) -> None:
    for results in loaded.values():
        if case.written:
            assert failures(results["original"], results["original"]) != []


def test_without_one_edit_the_proof_fails(case: Any, loaded: dict[int, dict[str, Any]]) -> None:
    for version, results in loaded.items():
        mutants = {name: one for name, one in results.items() if name not in ("original", "protected")}
        assert mutants or not case.written
        for name, result in mutants.items():
            if name.startswith("nodejs.package-files"):
                continue  # what npm packs is no matter of loading
            assert failures(result, results["original"]) != [], (version, name)
