"""Rewritten Java sources with the real agent in them: what is denied is denied before and in the handler.

And every kind of handler that test_kinds.py has, rewritten where that is possible: the same answers, errors and output.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from runtime_api import Environment

from .conftest import PACKAGES, Java, compiled, embed, jdks
from .forms import AGENT, Form, Rewritten, loaded
from .rows import SOURCES
from .test_kinds import KINDS

HANDLERS = ("rewritten.Runs", "rewritten.Runs::named", "rewritten.Runs$Below", "rewritten.Runs$Streams")
DENIED = "Cannot run program /bin/true : "
# What stays with the redirecting class; the others have to be rewritten.
REDIRECTED = {
    "kinds.Interfaces$Raw",
    "kinds.Interfaces$Bounded",
    "kinds.Interfaces$Open",
    "kinds.Methods::overloaded",
    "kinds.Methods$ByDefault::handle",
}
# It ends the JVM.
EXITS = {"kinds.Failing::exits"}
# What can't be made: the platform's word on it stays the same.
UNFIT = (
    "kinds.Failing$InStatic",
    "kinds.Failing$InConstructor",
    "kinds.Failing$InMethodsConstructor::handle",
    "kinds.Failing$WithoutConstructor",
)


@dataclass(frozen=True)
class Sample(Form):
    """Sample sources as a project; their events need not be such that TOML can write them."""

    wanted: tuple[str, ...] = ()

    @cached_property
    def facts(self) -> dict[str, Any]:
        return {"handlers_after": dict.fromkeys(self.wanted, "")}

    def handler_of(self, variant: str, handler: str) -> str:
        result = self.results[handler]
        assert isinstance(result, Rewritten)
        return handler if variant == "original" else result.handler

    def variants(self) -> Iterator[tuple[str, dict[str, bytes]]]:
        yield "original", {}
        yield "protected", {change.path: change.after for change in self.changes}

    def events(self, handler: str) -> list[bytes]:
        return [
            one if isinstance(one, bytes) else json.dumps(one).encode() for one in KINDS.get(handler, [1])
        ]


def project(folder: Path, sources: list[Path]) -> Path:
    """A project of some of our sample sources."""
    for source in sources:
        target = folder / "in" / "src" / "main" / "java" / source.relative_to(SOURCES)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    (folder / "in" / "pom.xml").write_text("<project/>")
    return folder


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sample, Mapping[Any, list[str]]]:
    """Every kind, as it was and rewritten, loaded in one JVM."""
    folder = tmp_path_factory.mktemp("kinds")
    sources = [*(SOURCES / "kinds").glob("*.java"), SOURCES / "Unpackaged.java"]
    wanted = (*(handler for handler in KINDS if handler not in REDIRECTED | EXITS), *UNFIT)
    sample = Sample(project(folder / "project", sources), wanted)
    told = loaded(folder / "loaded", [sample], jdks()[:1])
    return sample, told[jdks()[0]]


@pytest.mark.parametrize("handler", sorted(set(KINDS) - REDIRECTED - EXITS))
def test_kind(handler: str, kinds: tuple[Sample, Mapping[Any, list[str]]]) -> None:
    sample, told = kinds
    original = told[sample.name, "original", handler]
    protected = told[sample.name, "protected", handler]
    assert [one for one in protected if not one.startswith("agent ")] == original
    assert any(one.startswith(("answered", "thrown")) for one in original)
    assert protected[0] == "agent starts"
    begun = protected.index("loaded") + 1
    # An event that can't be read reaches neither the agent nor the handler.
    read = [
        one for one in original if "during JSON parsing" not in one and one.startswith(("answered", "thrown"))
    ]
    assert [one for one in protected[begun:] if one.startswith("agent begins")] == [
        f"agent begins request-{count}"
        for count, one in enumerate(outcomes(original), 1)
        if "during JSON parsing" not in one
    ]
    assert len(read) == len([one for one in protected[begun:] if one.startswith("agent ends")])


@pytest.mark.parametrize("handler", UNFIT)
def test_unfit(handler: str, kinds: tuple[Sample, Mapping[Any, list[str]]]) -> None:
    sample, told = kinds
    agent, *protected = told[sample.name, "protected", handler]
    assert agent == "agent starts"
    assert protected == told[sample.name, "original", handler]
    assert outcomes(protected)[0].startswith("thrown")


def outcomes(happened: list[str]) -> list[str]:
    return [one for one in happened if one.startswith(("answered", "thrown"))]


def test_the_others_are_redirected(kinds: tuple[Sample, Any]) -> None:
    sample = Sample(kinds[0].folder, tuple(sorted(REDIRECTED)))
    assert not any(isinstance(one, Rewritten) for one in sample.results.values())


@pytest.fixture(scope="module")
def rewritten(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sample, Java]:
    """The handlers that start programs: compiled from rewritten sources, packaged with the agent."""
    folder = tmp_path_factory.mktemp("rewritten")
    sample = Sample(project(folder / "project", [SOURCES / "rewritten" / "Runs.java"]), HANDLERS)
    (change,) = sample.changes
    source = folder / "Runs.java"
    source.write_bytes(change.after)
    libraries = folder / "agent"
    shutil.copytree(AGENT, libraries)
    package = compiled(8, [source, *sorted((AGENT.parent / "src").rglob("*.java"))], folder / "package")
    shutil.rmtree(package / "com")
    shutil.copytree(PACKAGES / "function", package / "lib")
    embed(package, folder / "protected", ["rewritten.Runs"])
    return sample, Java(package, folder / "protected", Environment, jdks()[0])


@pytest.mark.parametrize("home", jdks(), ids=lambda path: path.name)
@pytest.mark.parametrize("handler", HANDLERS)
def test_denied_in_the_handler_and_before(
    handler: str, home: Path, rewritten: tuple[Sample, Java], policy: Any, read_audits: Any
) -> None:
    sample, java = rewritten
    with java.on(home).start(
        sample.handler_of("protected", handler), policy("prevent"), java.protected
    ) as running:
        outcome = running.invoke("/bin/true")
        request = running.request_id
        running.finish()
        said = running.errors()
    first, _, second = outcome.document.partition(", then ")
    assert first.startswith(DENIED)
    assert second.startswith(DENIED)
    assert '"msg":"the rule is enforced"' in said
    tries = [line for line in said.splitlines() if line.startswith(("early", "called"))]
    assert len(tries) == (3 if "$" in handler else 2)
    assert all(DENIED in line for line in tries)
    assert said.index("the rule is enforced") < said.index(tries[0])
    # One was made in an invocation, and the agent knows in which.
    assert request in [one.get("requestID") for one in read_audits(said)]
