"""The place that the attacks on files happen in, and the environments that attack.

Every attempt gets the place anew, with a secret of its own. What happened is told from the denied folder, which
changed or did not, and from the answer, which holds the secret or does not.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from defender.policy import Effect, Filesystem, Identity, Rule, encode

IDENTITY = Identity(function="demo", region="us-east-1", provider="aws", account=None)
REFUSED = {"raised": "PermissionError", "errno": 13}
EFFECTS = ("prevent", "alert", "block")


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"files_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_place = _module("place")
Place: Any = _place.Place
TOKEN: str = _place.TOKEN


def file_policy(effect: str, **lists: Any) -> str:
    """TW_POLICY with the section of files alone."""
    rule = Rule(name="files", filesystem=Filesystem(effect=Effect(effect), **lists))
    return encode(IDENTITY, rule)


@dataclass(frozen=True)
class Way:
    """One row: what a prevented attempt answers, and which paths its audits name, in prevent and in alert."""

    name: str
    paths: tuple[str, ...]
    prevented: Any
    alerts: tuple[str, ...]
    steps: bool

    @classmethod
    def of(cls, prefix: str, words: str, paths: str, **facts: Any) -> Iterator[Way]:
        """The rows of one line: ways that differ in their last word.

        `paths` are patterns, relative to the denied folder. `alerts` are those of an attempt that goes on where a
        prevented one stops: it may name each of them several times.
        """
        expected = tuple(paths.split("|"))
        for word in words.split():
            alerts = facts.get("alerts")
            yield cls(
                f"{prefix}_{word}" if prefix else word,
                expected,
                facts.get("prevented", REFUSED),
                expected if alerts is None else tuple(alerts.split("|")),
                alerts is not None,
            )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give tests that take `way` each row of their module's table."""
    if "way" in metafunc.fixturenames:
        rows = [way for row in metafunc.module.ROWS for way in Way.of(*row[:3], **dict(row[3:]))]
        metafunc.parametrize("way", rows, ids=[way.name for way in rows])


@dataclass(frozen=True)
class Attempt:
    """What an attack answered (the secret in it replaced), whether it had its effect, and the audits."""

    kind: str
    status: int | None
    answer: Any
    happened: bool
    audits: list[dict[str, Any]]
    request_id: str

    def paths(self, place: Place) -> Counter[str]:
        """How often each path was audited; those in the denied folder relative to it."""
        return Counter(
            {
                path: sum(audit.get("count", 1) for audit in self.audits if _named(audit, place) == path)
                for path in {_named(audit, place) for audit in self.audits}
            }
        )


def _named(audit: dict[str, Any], place: Place) -> str:
    path: str = audit["filepath"]
    assert path.startswith("/"), audit
    if path == str(place.denied):
        return "."
    return path.removeprefix(f"{place.denied}/").replace(str(place.base), "")


def fits(found: Counter[str], patterns: tuple[str, ...], steps: bool) -> bool:
    """Whether each path fits a pattern: as many as there are patterns, or with `steps` any number of each."""
    if not steps:
        paths = sorted(found.elements())
        return len(paths) == len(patterns) and all(map(fnmatchcase, paths, sorted(patterns)))
    return all(any(fnmatchcase(path, pattern) for pattern in patterns) for path in found) and all(
        any(fnmatchcase(path, pattern) for path in found) for pattern in patterns
    )


class Attacks:
    """An environment of the attacking function that is started anew, in advance, whenever a way has ended it."""

    def __init__(self, start: Callable[[], Any], place: Place, read_audits: Any) -> None:
        self._start, self._place, self._read_audits = start, place, read_audits
        self._environment = start()
        self._said = 0

    def run(self, way: str) -> Attempt:
        place = self._place
        place.renew(way)
        before = place.state()
        outcome = self._environment.invoke({"way": way, "base": str(place.base), "shared": place.shared.name})
        if outcome.kind == "exit":
            self._environment.process.wait()
        happened = place.state() != before or place.token.encode() in outcome.body or place.is_reached()
        said = self._environment.errors()
        news, self._said = said[self._said :], len(said)
        text = outcome.body.decode().replace(place.token, TOKEN)
        attempt = Attempt(
            outcome.kind,
            outcome.status,
            None if outcome.kind == "exit" else outcome.__class__(outcome.kind, text.encode()).document,
            happened,
            self._read_audits(news),
            self._environment.request_id,
        )
        if outcome.kind == "exit":
            self._environment.close()
            self._environment, self._said = self._start(), 0
        return attempt

    def close(self) -> None:
        self._environment.close()


@pytest.fixture(scope="session")
def compiled(
    compile_library: Callable[..., Path], functions: Any, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """What the attacks need in machine code."""
    source = functions.original("files") / "native.c"
    token = compile_library(source, "library.so", "-DTOKEN", "-Wl,-soname,library.so")
    needed = ["-DNEEDING", str(token), "-Wl,-rpath,$ORIGIN/../area/denied"]
    return {
        "FILES_LIBRARY": str(token),
        "FILES_NEEDING": str(compile_library(source, "files-needing.so", *needed)),
        "FILES_RACES": str(compile_library(source, "files-races.so")),
        "FILES_STATIC": str(_program(source, tmp_path_factory.mktemp("program") / "program")),
    }


def _program(source: Path, target: Path) -> Path:
    """A static program; the compiler brings a C library for that."""
    command = [sys.executable, "-m", "ziglang", "cc", "-O1", "-static", "-DPROGRAM"]
    platform = ["-target", f"{os.uname().machine}-linux-musl"]
    cache = str(Path(__file__).parents[3] / "build" / "zig")
    caches = {"ZIG_GLOBAL_CACHE_DIR": cache, "ZIG_LOCAL_CACHE_DIR": cache}
    subprocess.run([*command, *platform, str(source), "-o", str(target)], check=True, env=os.environ | caches)
    return target


@pytest.fixture(scope="module")
def place(compiled: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    base = tmp_path_factory.mktemp("files").resolve()
    made = Place(base, Path(compiled["FILES_LIBRARY"]).read_bytes())
    yield made
    made.clear()


@pytest.fixture(scope="module")
def attacker(functions: Any) -> tuple[Any, str]:
    """Where the attacking function runs, and its name."""
    return functions, "files"


@pytest.fixture(scope="module")
def start(
    attacker: tuple[Any, str], compiled: dict[str, str], place: Place, read_audits: Any
) -> Iterator[Any]:
    """Starts environments of the attacking function; they end with the module."""
    started: list[Attacks] = []
    runtime, name = attacker

    def run(policy: str | None, lock: bool = True) -> Attacks:
        root = runtime.original(name) if policy is None else runtime.protected(name)
        here = runtime if lock else runtime.without_seccomp()
        attacks = Attacks(lambda: here.start(root, policy, **compiled), place, read_audits)
        started.append(attacks)
        return attacks

    yield run
    for attacks in started:
        attacks.close()


@pytest.fixture(scope="module")
def unprotected(start: Any) -> Attacks:
    attacks: Attacks = start(None)
    return attacks


@pytest.fixture(scope="module")
def protected(start: Any, place: Place) -> dict[str, Attacks]:
    """By effect, under a policy that denies the place's denied part."""
    return {effect: start(file_policy(effect, deny=place.lists)) for effect in EFFECTS}


@pytest.fixture(scope="module")
def unlocked(start: Any, place: Place) -> Attacks:
    """Prevented by the hooks alone, on a platform that refuses the kernel lock."""
    attacks: Attacks = start(file_policy("prevent", deny=place.lists), lock=False)
    return attacks


@pytest.fixture
def check(
    unprotected: Attacks, protected: dict[str, Attacks], unlocked: Attacks, place: Place
) -> Callable[[Way], None]:
    """Runs one row unprotected and under every effect."""

    def told(attempt: Attempt, effect: str, patterns: tuple[str, ...], steps: bool) -> None:
        assert fits(attempt.paths(place), patterns, steps), attempt.audits
        for audit in attempt.audits:
            assert (audit["type"], audit["attackType"]) == ("filesystem", "regFileAccess")
            assert (audit["effect"], audit["requestID"]) == (effect, attempt.request_id)

    def run(way: Way) -> None:
        control = unprotected.run(way.name)
        assert (control.kind, control.happened) == ("response", True), control

        for attacks in (protected["prevent"], unlocked):
            attempt = attacks.run(way.name)
            assert (attempt.kind, attempt.answer, attempt.happened) == ("response", way.prevented, False), (
                attempt
            )
            told(attempt, "prevent", way.paths, False)

        attempt = protected["alert"].run(way.name)
        assert (attempt.kind, attempt.answer, attempt.happened) == ("response", control.answer, True), attempt
        told(attempt, "alert", way.alerts, way.steps)

        attempt = protected["block"].run(way.name)
        assert (attempt.kind, attempt.happened) == ("exit", False), attempt
        assert attempt.status != 0
        told(attempt, "block", way.paths[:1], False)

    return run


@pytest.fixture(scope="session")
def same_ways(functions: Any) -> Callable[..., None]:
    """Compares a table's rows with the ways that some of the function's modules have."""

    def compare(rows: list[Any], modules: str) -> None:
        code = f"import app; print(*(n for n, w in app.WAYS.items() if w.__module__ in {modules.split()!r}))"
        command = [sys.executable, "-B", "-c", code]
        run = subprocess.run(
            command, cwd=functions.original("files"), capture_output=True, text=True, check=True
        )
        named = [way.name for row in rows for way in Way.of(*row[:3], **dict(row[3:]))]
        assert sorted(run.stdout.split()) == sorted(named)

    return compare


@pytest.fixture(scope="session")
def file_policy_of() -> Callable[..., str]:
    return file_policy


@pytest.fixture(scope="session")
def fitting() -> Callable[..., bool]:
    return fits
