"""Protected functions loaded by real interpreters: the agent first, the wrapper where the platform looks, same answers.

Every case that embed does not refuse runs on the oldest and on the newest interpreter of this machine that can load
it. Each insertion is then taken out again, alone: the same proof has to fail, on the newest. That the core stops
anything is shown in tests/agent.
"""

from __future__ import annotations

import ast
import py_compile
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest


@dataclass
class Loaded:
    """What the probe tells of one case on one interpreter."""

    interpreter: str
    original: dict[str, Any]
    protected: dict[str, Any]
    traced: dict[str, Any]
    mutants: dict[str, dict[str, Any]] = field(default_factory=dict)


def events_of(case: Any) -> list[tuple[str, Any]]:
    first = case.facts["handlers"][0]
    return [(one.get("handler", first), one["event"]) for one in case.facts["events"]]


def job(case: Any, root: Path) -> dict[str, Any]:
    return {"root": str(root), "handlers": case.facts["handlers"], "events": events_of(case)}


def failures(case: Any, result: dict[str, Any], original: dict[str, Any] | None) -> list[str]:
    """Why a loaded function is not what "protected" means, or not the function that it was."""
    if "probe" in result or result["error"]:
        return [f"it could not be loaded: {result.get('probe') or result['error']}"]
    found = [f"{path}:{line} ran before the agent" for path, line in result["early"]]
    if result["status"] != "enforcing":
        found.append(f"the agent is {result['status']}: {result['reason']}")
    found += [f"{name} is not wrapped" for name, wrapped in result["wrapped"].items() if not wrapped]
    if original is not None and result["answers"] != original["answers"]:
        found.append(f"the original answers {original['answers']}, this {result['answers']}")
    if original is not None and "exports" in original:
        found += other_exports(result, original)
    return [*found, *unexpected(case, result)]


def other_exports(result: dict[str, Any], original: dict[str, Any]) -> Iterator[str]:
    """Where a JavaScript module exports something else than before: names, order, kinds, values.

    What ES modules can import by name of a CommonJS module is found by Node.js in its text; there, the handler's own
    name may come in addition.
    """
    if result["handlers"] != original["handlers"]:
        yield f"the handlers were {original['handlers']}, and are {result['handlers']}"
    handlers = {name.rpartition("/")[2].split(".")[1] for name in original["wrapped"]}
    for module, states in original["exports"].items():
        for before, after in zip(states, result["exports"][module], strict=True):
            if before["own"] != after["own"]:
                yield f"{module} exported {before['own']}, and does {after['own']}"
            had, has = set(before["named"]), set(after["named"])
            if had - has or has - had - handlers:
                yield f"{module}: the names {had} are {has}"


def unexpected(case: Any, result: dict[str, Any]) -> Iterator[str]:
    """Where answers are not those that case.toml promises."""
    for expected, got in zip(case.facts["events"], result["answers"], strict=True):
        kind = next((one for one in ("raises", "streamed") if one in expected), "answer")
        wanted, given = expected.get(kind), got.get(kind, KeyError)
        exact = wanted[:-1] if kind == "raises" and wanted.endswith("*") else None
        if not (wanted == given if exact is None else str(given).startswith(exact)):
            yield f"{kind} {wanted} was expected, not {got}"


# How a file that was protected by hand names the agent.
MENTIONED = {
    "python": ("*.py", b"twistlock.serverless"),
    "nodejs": ("*js", b"'./twistlock'"),
    "ruby": ("*.rb", b"Twistlock.handler"),
}


def has_own_statements(family: str, data: bytes) -> bool:
    """Whether a file holds more than a docstring; without, no order of statements can be wrong."""
    if family == "nodejs":
        return not data.lstrip().startswith(b"{")  # A package.json.
    if family == "ruby":
        return True
    try:
        body = ast.parse(data).body
    except SyntaxError:  # Newer than the Python that runs the tests: a handler's file.
        return True
    return bool(body[1:] or (body and not isinstance(body[0], ast.Expr)))


@pytest.fixture(scope="module")
def loaded(
    request: pytest.FixtureRequest,
    all_cases: Any,
    probe: Callable[..., Any],
    add_agent: Callable[[Path], Path],
    oldest_and_newest: Callable[[Any], list[str]],
    mutants_of: Callable[[Any], Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, list[Loaded]]:
    """All cases that this run is about, with all their mutants, loaded: one start of each interpreter."""
    base = tmp_path_factory.mktemp("proof")
    mine = [
        item for item in request.session.items if item.path == Path(__file__) and hasattr(item, "callspec")
    ]
    wanted = {f"{item.callspec.params['case'].family}-{item.callspec.params['case'].name}" for item in mine}
    jobs: dict[tuple[str, str], list[tuple[str, str, dict[str, Any]]]] = {}
    for case in all_cases:
        if "refused" in case.facts or f"{case.family}-{case.name}" not in wanted:
            continue
        folders = {
            "protected": add_agent(case.protect_to(base / case.family / case.name / "protected"), case.family)
        }
        folders["original"] = case.copy_to(base / case.family / case.name / "original")
        pattern, mention = MENTIONED[case.family]
        if any(mention in path.read_bytes() for path in case.source.rglob(pattern)):
            add_agent(
                folders["original"], case.family
            )  # Protected by hand: the original needs the agent as well.
        if case.family == "nodejs":
            folders["traced"] = add_agent(case.trace_to(base / case.family / case.name / "traced"), "nodejs")
        mutated = {}
        for name, path, data in mutants_of(case):
            folder = base / case.family / case.name / f"mutant{len(mutated)}"
            mutated[name] = add_agent(case.protect_to(folder, {path: data}), case.family)
        versions = oldest_and_newest(case)
        for interpreter in versions:
            # That a proof can fail need not be shown twice.
            every = folders | mutated if interpreter == versions[-1] else folders
            jobs.setdefault((case.family, interpreter), []).extend(
                (f"{case.family}-{case.name}", name, job(case, folder)) for name, folder in every.items()
            )
    return _run(jobs, probe)


def _run(
    jobs: dict[tuple[str, str], list[tuple[str, str, Any]]], probe: Callable[..., Any]
) -> dict[str, list[Loaded]]:
    found: dict[str, list[Loaded]] = {}
    for (family, interpreter), wanted in jobs.items():
        results = probe(interpreter, [one for _, _, one in wanted], family)
        by_case: dict[str, dict[str, Any]] = {}
        for (case, name, _), result in zip(wanted, results, strict=True):
            by_case.setdefault(case, {})[name] = result
        for case, named in by_case.items():
            original, protected = named.pop("original"), named.pop("protected")
            one = Loaded(interpreter, original, protected, named.pop("traced", protected), named)
            found.setdefault(case, []).append(one)
    return found


def loads_of(case: Any, loaded: dict[str, list[Loaded]]) -> list[Loaded]:
    name = f"{case.family}-{case.name}"
    if name not in loaded:
        pytest.skip(f"no {case.family} {case.facts[case.family]} or later on this machine")
    return loaded[name]


def test_protected_and_the_same(case: Any, loaded: dict[str, list[Loaded]]) -> None:
    for one in loads_of(case, loaded):
        assert one.original["error"] is None, one.interpreter
        assert failures(case, one.protected, one.original) == [], one.interpreter
        assert failures(case, one.traced, one.original) == [], one.interpreter


def test_handlers_file_was_seen_to_run(case: Any, loaded: dict[str, list[Loaded]]) -> None:
    edited = {change.path for change in case.embedded[1] if has_own_statements(case.family, change.before)}
    for one in loads_of(case, loaded):
        assert edited <= set(one.traced["files"]), one.interpreter


def test_original_is_not_protected(case: Any, loaded: dict[str, list[Loaded]]) -> None:
    for one in loads_of(case, loaded):
        if case.embedded[1]:
            assert failures(case, one.original, None) != [], one.interpreter


def test_without_one_insertion_the_proof_fails(case: Any, loaded: dict[str, list[Loaded]]) -> None:
    empty = {
        f"python.import of {change.path} (0)"
        for change in case.embedded[1]
        if not has_own_statements(case.family, change.before)
    }
    # What only another way through the file, or another program than Lambda, would miss.
    empty |= set(case.facts.get("spare", []))
    for one in loads_of(case, loaded):
        for name, result in one.mutants.items():
            found = failures(case, result, one.original)
            assert bool(found) == (name not in empty), (one.interpreter, name)


def test_each_case_has_mutants(case: Any, loaded: dict[str, list[Loaded]]) -> None:
    insertions = sum(len(change.splices) for change in case.embedded[1])
    assert max(len(one.mutants) for one in loads_of(case, loaded)) >= (insertions or bool(case.written))


def test_unchecked_bytecode_is_not_what_runs(
    all_cases: Any, probe: Callable[..., Any], add_agent: Callable[[Path], Path], tmp_path: Path
) -> None:
    case = next(one for one in all_cases if one.name == "bytecode-beside")
    source = tmp_path / "source"
    shutil.copytree(case.source, source)
    stale = tmp_path / "stale.py"
    stale.write_text("def handler(event, context):\n    return 'stale'\n")
    target = source / "__pycache__" / f"app.{sys.implementation.cache_tag}.pyc"
    py_compile.compile(
        str(stale), str(target), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
    )
    plan, changes = case.plan(source)
    protected = Path(shutil.copytree(source, tmp_path / "protected"))
    for drop in plan.dropped:
        (protected / drop.path).unlink()
    for change in changes:
        (protected / change.path).write_bytes(change.after)
    add_agent(protected)
    before, after = probe(sys.executable, [job(case, source), job(case, protected)])
    assert [one.get("answer") for one in before["answers"]] == ["stale", "stale"]
    assert failures(case, after, None) == []
