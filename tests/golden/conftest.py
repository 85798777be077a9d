"""Golden cases: fixtures/<runtime>/<behaviour>, what `embed` makes of them, and their loading by real interpreters."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pytest

from defender.archive import open_archive
from defender.detect import detect
from defender.plan import FileChange, Plan, file_changes
from defender.policy import Identity, default_policy, encode
from defender.runtimes import REGISTRY, runtime
from defender.runtimes.model import Request

ROOT = Path(__file__).parents[2]


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
        floor = {"python": "3.6", "ruby": "2.7"}[self.family]
        return tuple(int(part) for part in self.facts.get(self.family, floor).split("."))

    def plan(self, folder: Path | None = None) -> tuple[Plan, tuple[FileChange, ...]]:
        """What embedding does to the case's files, or to a copy of them."""
        with open_archive(folder or self.source) as archive:
            identifier = self.facts.get("runtime", self.family)
            request = Request(runtime=identifier, handlers=tuple(self.facts["handlers"]))
            found, _ = detect(archive, request)
            plan = runtime(self.family).plan(archive, found)
            return plan, file_changes(archive, plan)

    @cached_property
    def embedded(self) -> tuple[Plan, tuple[FileChange, ...]]:
        return self.plan()

    def copy_to(self, target: Path) -> Path:
        """The case's files in a new folder."""
        return Path(shutil.copytree(self.source, target))

    def protect_to(self, target: Path, replaced: dict[str, bytes] | None = None) -> Path:
        """The protected files in a new folder, the agent not among them; `replaced` has other contents."""
        plan, changes = self.embedded
        self.copy_to(target)
        for drop in plan.dropped:
            (target / drop.path).unlink()
        for change in changes:
            (target / change.path).write_bytes(change.after)
        for name, data in (replaced or {}).items():
            (target / name).write_bytes(data)
        return target


def files_of(folder: Path) -> dict[str, bytes]:
    """All files below a folder, by name."""
    if not folder.exists():
        return {}
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@cache
def cases(family: str) -> tuple[Case, ...]:
    return tuple(
        Case(family, path.parent) for path in sorted((ROOT / "fixtures" / family).glob("*/case.toml"))
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each case: all, those that embed refuses, those that it protects."""
    wanted = {
        "any_case": lambda case: True,
        "refused": lambda case: "refused" in case.facts,
        "case": lambda case: "refused" not in case.facts,
    }
    for argument, is_wanted in wanted.items():
        if argument in metafunc.fixturenames:
            found = [case for family in REGISTRY for case in cases(family) if is_wanted(case)]
            metafunc.parametrize(argument, found, ids=[f"{case.family}-{case.name}" for case in found])


@cache
def interpreters(family: str) -> dict[tuple[int, ...], str]:
    """The interpreters of this machine that can load a family's cases, by version."""
    return pythons() if family == "python" else rubies()


def rubies() -> dict[tuple[int, ...], str]:
    """The Ruby on PATH, which tests/system-packages asks for."""
    path = shutil.which("ruby")
    assert path is not None, "no ruby: tests/system-packages names what is missing"
    major, minor = _output(path, "-e", "print RUBY_VERSION").split(".")[:2]
    return {(int(major), int(minor)): path}


def pythons() -> dict[tuple[int, ...], str]:
    """Every Python 3.6 or later that this machine has on PATH or through pyenv, by version."""
    candidates = [shutil.which(f"python3.{minor}") for minor in range(6, 20)]
    if shutil.which("pyenv"):
        names = _output("pyenv", "versions", "--bare").split()
        prefixes = [_output("pyenv", "prefix", name).strip() for name in names]
        candidates += [str(Path(prefix) / "bin" / "python3") for prefix in prefixes]
    found = {sys.version_info[:2]: sys.executable}
    for path in filter(None, candidates):
        version = _output(path, "-c", "import sys; print('%d %d' % sys.version_info[:2])").split()
        if len(version) == 2 and (int(version[0]), int(version[1])) >= (3, 6):
            found.setdefault((int(version[0]), int(version[1])), path)
    return dict(sorted(found.items()))


def _output(*command: str) -> str:
    """What a command prints; nothing when it fails, as a shim of an inactive version does."""
    try:
        run = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return ""
    return run.stdout if run.returncode == 0 else ""


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The native core, compiled once a session by the project's own build script."""
    path = ROOT / "agent" / "build.py"
    spec = importlib.util.spec_from_file_location("agent_build", path)
    assert spec is not None
    assert spec.loader is not None
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
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
        program = Path(__file__).with_name({"python": "probe.py", "ruby": "probe.rb"}[family])
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
        able = [path for version, path in interpreters(case.family).items() if version >= case.oldest]
        return able if len(able) < 2 else [able[0], able[-1]]

    return choose


def mutants(case: Case) -> Iterator[tuple[str, str, bytes]]:
    """Each insertion taken out again, alone: what was, the file, its content."""
    for change in case.embedded[1]:
        for index, splice in enumerate(change.splices):
            rest = [one for one in change.splices if one is not change.splices[index]]
            rule = next(edit.rule for edit in change.edits if splice in edit.splices)
            yield f"{rule} of {change.path} ({index})", change.path, _applied(change.before, rest)


def _applied(data: bytes, splices: Iterable[Any]) -> bytes:
    for splice in sorted(splices, key=lambda one: one.start, reverse=True):
        data = data[: splice.start] + splice.data + data[splice.end :]
    return data


@pytest.fixture(scope="session")
def mutants_of() -> Callable[[Case], Iterator[tuple[str, str, bytes]]]:
    return mutants
