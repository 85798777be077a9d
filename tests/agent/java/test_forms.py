"""Rewritten Java sources, compiled and loaded by the public runtime client: the agent first, the handler inside it.

Each case is loaded as it was, protected, and with each insertion taken out again, by the oldest and by the newest JDK
of the machine. Behind the agent's public class stands a recorder here; that the core stops anything is shown by
test_rewritten.py, under the whole client.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from defender.runtimes.java.source import Rewritten, unprotected

from .conftest import jdks
from .forms import Form, Project, Told, forms, loaded, version

FORMS = forms()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Told]:
    """What came of all variants on each JDK."""
    homes = sorted(jdks(), key=version)
    oldest_and_newest = [homes[0], homes[-1]] if len(homes) > 1 else homes
    return loaded(tmp_path_factory.mktemp("forms"), FORMS, oldest_and_newest)


def without_agent(happened: list[str]) -> list[str]:
    return [one for one in happened if not one.startswith("agent ")]


def failures(form: Form, handler: str, happened: list[str], original: list[str]) -> Iterator[str]:
    """Why a function is not what "protected" means, or not the function that it was."""
    if without_agent(happened) != original:
        yield f"it was {original}, and is {without_agent(happened)}"
    if happened[:1] != ["agent starts"]:
        yield f"{happened[:1]} came before the agent"
    calls = happened[happened.index("loaded") + 1 :] if "loaded" in happened else []
    for count, _ in enumerate(form.events(handler), 1):
        end = next((at for at, one in enumerate(calls) if one.startswith(("answered", "thrown"))), len(calls))
        call, calls = calls[:end], calls[end + 1 :]
        inside = call[1:-1]
        if call[:1] != [f"agent begins request-{count}"] or call[-1:] != [f"agent ends request-{count}"]:
            yield f"the handler is not called inside the agent: {call}"
        if not without_agent(inside):
            yield "the handler was not seen to run"


@pytest.mark.parametrize("form", FORMS, ids=lambda one: one.name)
def test_bytes(form: Form) -> None:
    after = {handler: one.handler for handler, one in form.results.items() if isinstance(one, Rewritten)}
    assert after == form.facts["handlers_after"]
    assert {change.path: change.after for change in form.changes} == form.expected


@pytest.mark.parametrize("form", FORMS, ids=lambda one: one.name)
def test_only_insertions(form: Form) -> None:
    for change in form.changes:
        assert all(one.start == one.end for one in change.splices)
        rest = change.after
        for one in change.splices:
            # What was inserted before is out already, so that the original's own offset counts.
            assert rest[one.start : one.start + len(one.data)] == one.data
            rest = rest[: one.start] + rest[one.start + len(one.data) :]
        assert rest == change.before


@pytest.mark.parametrize("form", FORMS, ids=lambda one: one.name)
def test_protected_and_the_same(form: Form, told: dict[Path, Told]) -> None:
    able = {home: one for home, one in told.items() if version(home) >= form.release}
    assert able
    for home, happened in able.items():
        assert happened[form.name, "original", "javac"] == happened[form.name, "protected", "javac"] == []
        for handler in form.facts["handlers_after"]:
            original = happened[form.name, "original", handler]
            protected = happened[form.name, "protected", handler]
            assert list(failures(form, handler, protected, original)) == [], home.name
            assert any(one.startswith("printed") for one in original[: original.index("loaded")])
            answers = [one for one in original if one.startswith(("answered", "thrown"))]
            assert list(map(shown, answers)) == [
                one.get("raises", one.get("answer"))
                for one in form.facts["events"]
                if one["handler"] == handler
            ]


def shown(outcome: str) -> Any:
    kind, _, rest = outcome.partition(" ")
    return json.loads(rest) if kind == "answered" else rest


@pytest.mark.parametrize("form", FORMS, ids=lambda one: one.name)
def test_without_one_insertion_the_proof_fails(form: Form, told: dict[Path, Told]) -> None:
    for happened in told.values():
        for variant, _ in form.variants():
            found = [
                list(failures(form, handler, happened[key], happened[form.name, "original", handler]))
                for handler in form.facts["handlers_after"]
                if (key := (form.name, variant, handler)) in happened
            ]
            assert not found or (any(found) is (variant != "protected")), variant


@pytest.mark.parametrize("form", FORMS, ids=lambda one: one.name)
def test_form_is_found_again(form: Form, tmp_path: Path) -> None:
    """What is inserted passes the check that `verify` makes, and without any one insertion it does not."""
    from defender.archive import open_archive

    for variant, files in form.variants():
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        for path in (form.folder / "in").rglob("*.java"):
            name = path.relative_to(form.folder / "in").as_posix()
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(files.get(name, path.read_bytes()))
        with open_archive(folder) as archive:
            found = [
                unprotected(archive, Project(), form.handler_of(variant, handler))
                for handler in form.facts["handlers_after"]
            ]
        assert all(found) if variant == "original" else any(found) is (variant != "protected"), (
            variant,
            found,
        )
