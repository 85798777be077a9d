"""Golden cases: fixtures/<runtime>/<behaviour>, what `embed` makes of them, and their loading by real interpreters."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from defender.archive import open_archive
from defender.bundle import Agent, builtin
from defender.detect import detect
from defender.plan import AddFile, FileChange, Plan, file_changes
from defender.policy import Identity, default_policy, encode
from defender.runtimes import REGISTRY, runtime
from defender.runtimes.model import Request

ROOT = Path(__file__).parents[2]
# What stands in front of a JavaScript module's own first statement.
HEAD = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:#![^\n]*)?(?:\s+|//[^\n]*|/\*[\s\S]*?\*/|(?:\"[^\"\n]*\"|'[^'\n]*')(?:;|(?=\r?\n))"
    rb"|(?:var|const) twistlock = require[^\n]*|import twistlock from[^\n]*)*"
)


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# Facts of the cases that are built before they are loaded.
BUILT = frozenset({"bundler", "compiler", "packager"})
interpreters = _module(Path(__file__).with_name("interpreters.py"))


@dataclass(frozen=True)
class Case:
    """One folder of fixtures."""

    family: str
    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What case.toml says."""
        return tomllib.loads((self.folder / "case.toml").read_text("utf-8"))

    @property
    def source(self) -> Path:
        return self.folder / "in"

    @cached_property
    def expected(self) -> dict[str, bytes]:
        """The edited files, by name."""
        return files_of(self.folder / "out")

    @property
    def oldest(self) -> tuple[int, ...]:
        """The oldest interpreter that can load the case."""
        version = self.facts.get(self.family, interpreters.OLDEST[self.family])
        return tuple(int(part) for part in version.split("."))

    def plan(self, folder: Path | None = None) -> tuple[Plan, tuple[FileChange, ...]]:
        """What embedding does to the case's files, or to a copy of them."""
        with open_archive(folder or self.source) as archive:
            identifier = self.facts.get("runtime", self.family)
            request = Request(runtime=identifier, handlers=tuple(self.facts["handlers"]))
            found, _ = detect(archive, request)
            plan = runtime(self.family).plan(archive, found, Agent(builtin(self.family), "open"))
            return plan, file_changes(archive, plan)

    @cached_property
    def embedded(self) -> tuple[Plan, tuple[FileChange, ...]]:
        return self.plan()

    def copy_to(self, target: Path) -> Path:
        """The case's files in a new folder."""
        return Path(shutil.copytree(self.source, target))

    @property
    def written(self) -> dict[str, bytes]:
        """The files that embedding writes, the agent's left out."""
        return written(*self.embedded)

    def protect_to(self, target: Path, replaced: dict[str, bytes] | None = None) -> Path:
        """The protected files in a new folder, the agent not among them; `replaced` has other contents."""
        return self._apply(self.copy_to(target), self.embedded, replaced or {})

    def trace_to(self, target: Path) -> Path:
        """The same with `globalThis.trace` being told first by each of the user's JavaScript files that it runs."""
        self.copy_to(target)
        for path in target.rglob("*"):
            if path.is_file() and path.suffix in (".js", ".mjs", ".cjs", ""):
                name = path.relative_to(target).as_posix()
                data = path.read_bytes()
                head = HEAD.match(data)
                at = head.end() if head else 0
                path.write_bytes(data[:at] + f"globalThis.trace('{name}'); ".encode() + data[at:])
        return self._apply(target, self.plan(target), {})

    @staticmethod
    def _apply(target: Path, plan: tuple[Plan, tuple[FileChange, ...]], replaced: dict[str, bytes]) -> Path:
        for drop in plan[0].dropped:
            (target / drop.path).unlink()
        for name, data in (written(*plan) | replaced).items():
            (target / name).write_bytes(data)
        return target


def written(plan: Plan, changes: Iterable[FileChange]) -> dict[str, bytes]:
    """What a plan writes."""
    new = {one.path: one.data for one in plan.added if isinstance(one, AddFile)}
    return new | {change.path: change.after for change in changes}


def files_of(folder: Path) -> dict[str, bytes]:
    """All files below a folder, by name."""
    if not folder.exists():
        return {}
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@cache
def cases(family: str) -> tuple[Case, ...]:
    paths = sorted((ROOT / "fixtures" / family).glob("*/case.toml"))
    if family == "java":
        # Its sources: tests/agent/java/forms.py.
        paths = [path for path in paths if not path.parent.name.startswith("source-")]
    return tuple(Case(family, path.parent) for path in paths)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each case: all, those that embed refuses, those that it protects, and of these what is bundled.

    What a bundler builds is loaded by test_bundled.py alone, by test_compiled.py what tsc builds, and by
    test_packaged.py what a plugin of the Serverless Framework does.
    """
    loads = metafunc.module.__name__.endswith("test_proof")
    wanted = {
        "any_case": lambda case: True,
        "refused": lambda case: "refused" in case.facts,
        "case": lambda case: "refused" not in case.facts and not (loads and BUILT & set(case.facts)),
        "bundled": lambda case: "bundler" in case.facts,
        "compiled": lambda case: "compiler" in case.facts,
        "packaged": lambda case: "packager" in case.facts,
        "typed": lambda case: case.name.startswith("typescript-"),
    }
    # Java's are loaded by its own runtime, in tests/agent/java: nothing in their files changes.
    is_proof = metafunc.module.__name__.endswith("test_proof")
    families = [family for family in REGISTRY if family in interpreters.OLDEST or not is_proof]
    for argument, is_wanted in wanted.items():
        if argument in metafunc.fixturenames:
            found = [case for family in families for case in cases(family) if is_wanted(case)]
            metafunc.parametrize(argument, found, ids=[f"{case.family}-{case.name}" for case in found])


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The native core, compiled once a session by the project's own build script."""
    build = _module(ROOT / "agent" / "build.py")
    return list(build.build(tmp_path_factory.mktemp("core")))


@pytest.fixture(scope="session")
def add_agent(libraries: list[Path]) -> Callable[..., Path]:
    """A function that puts a family's shim and the core into a task root."""

    def add(task_root: Path, family: str = "python") -> Path:
        target = task_root / "twistlock"
        shim = ROOT / "agent" / family / "twistlock"
        shutil.copytree(shim, target, ignore=shutil.ignore_patterns("__pycache__"))
        for library in libraries:
            os.link(library, target / library.name)
        return task_root

    return add


@pytest.fixture(scope="session")
def probe() -> Callable[..., list[dict[str, Any]]]:
    """Runs jobs in one interpreter, each in a process of its own; probe.py says what comes back."""
    rule = default_policy().rules[0]
    identity = Identity(function="golden", region="us-east-1", provider="aws", account=None)
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environment = {**kept, "TW_POLICY": encode(identity, rule), "PYTHONDONTWRITEBYTECODE": "1"}

    def run(interpreter: str, jobs: Sequence[dict[str, Any]], family: str = "python") -> list[dict[str, Any]]:
        program = Path(__file__).with_name(
            {"python": "probe.py", "nodejs": "probe.js", "ruby": "probe.rb"}[family]
        )
        done = subprocess.run(
            [interpreter, str(program)],
            input=json.dumps(list(jobs)),
            capture_output=True,
            text=True,
            env=environment,
        )
        assert done.returncode == 0, done.stderr
        results: list[dict[str, Any]] = json.loads(done.stdout)
        return results

    return run


@pytest.fixture(scope="session")
def all_cases() -> tuple[Case, ...]:
    return tuple(case for family in REGISTRY for case in cases(family))


@pytest.fixture(scope="session")
def oldest_and_newest() -> Callable[[Case], list[str]]:
    """The oldest and the newest interpreter of this machine that can load a case."""

    def choose(case: Case) -> list[str]:
        able = [
            path for version, path in interpreters.interpreters(case.family).items() if version >= case.oldest
        ]
        return able if len(able) < 2 else [able[0], able[-1]]

    return choose


def mutants(case: Case) -> Iterator[tuple[str, str, bytes]]:
    """What was inserted taken out again, each insertion alone, and each edit: what it was, the file, its content."""
    plan, changes = case.embedded
    for change in changes:
        for index, splice in enumerate(change.splices):
            rest = [one for one in change.splices if one is not change.splices[index]]
            rule = next(edit.rule for edit in change.edits if splice in edit.splices)
            yield f"{rule} of {change.path} ({index})", change.path, _applied(change.before, rest)
        for edit in change.edits:
            if len(edit.splices) > 1:
                rest = [one for one in change.splices if one not in edit.splices]
                yield f"{edit.rule} of {change.path}", change.path, _applied(change.before, rest)
    for new in plan.added:
        if isinstance(new, AddFile) and b"twistlock.handler(" in new.data:
            yield f"{new.rule} of {new.path}", new.path, new.data.replace(b"twistlock.handler(", b"(")


def _applied(data: bytes, splices: Iterable[Any]) -> bytes:
    for splice in sorted(splices, key=lambda one: one.start, reverse=True):
        data = data[: splice.start] + splice.data + data[splice.end :]
    return data


@pytest.fixture(scope="session")
def mutants_of() -> Callable[[Case], Iterator[tuple[str, str, bytes]]]:
    return mutants
