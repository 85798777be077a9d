"""Golden cases of Node.js: fixtures/nodejs/<behaviour>, what `embed` makes of them, their loading by real versions."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pytest

from defender.archive import open_archive
from defender.detect import detect
from defender.edits.splice import apply_splices
from defender.plan import AddFile, FileChange, Plan, file_changes
from defender.policy import Identity, default_policy, encode
from defender.runtimes import runtime
from defender.runtimes.model import Request

ROOT = Path(__file__).parents[2]
PROBE = Path(__file__).parent / "probe.js"
VERSIONS = ROOT / "build" / "node"


@dataclass(frozen=True)
class Case:
    """One folder of fixtures."""

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
        """The edited and added files, by name."""
        return files_of(self.folder / "out")

    @property
    def oldest(self) -> int:
        """The oldest Node.js that can load the case."""
        return int(self.facts.get("node", 14))

    def plan(self, folder: Path | None = None) -> tuple[Plan, tuple[FileChange, ...]]:
        """What embedding does to the case's files, or to a copy of them."""
        with open_archive(folder or self.source) as archive:
            identifier = self.facts.get("runtime", "nodejs")
            request = Request(runtime=identifier, handlers=tuple(self.facts["handlers"]))
            found, _ = detect(archive, request)
            plan = runtime("nodejs").plan(archive, found)
            return plan, file_changes(archive, plan)

    @cached_property
    def embedded(self) -> tuple[Plan, tuple[FileChange, ...]]:
        return self.plan()

    @property
    def written(self) -> dict[str, bytes]:
        """The files that embedding writes, less the agent's."""
        plan, changes = self.embedded
        files = {change.path: change.after for change in changes}
        return files | {new.path: new.data for new in plan.added if isinstance(new, AddFile)}

    def protect_to(self, target: Path, replaced: dict[str, bytes] | None = None) -> Path:
        """The protected files in a new folder, the agent not among them; `replaced` has other contents."""
        shutil.copytree(self.source, target)
        for drop in self.embedded[0].dropped:
            (target / drop.path).unlink()
        for name, data in (self.written | (replaced or {})).items():
            (target / name).write_bytes(data)
        return target

    def mutants(self) -> Iterator[tuple[str, dict[str, bytes]]]:
        """Each edit taken out again, alone, and each facade exchanged for one that wraps nothing."""
        plan, changes = self.embedded
        for change in changes:
            for edit in change.edits:
                rest = [one for one in change.splices if one not in edit.splices]
                yield f"{edit.rule} of {change.path}", {change.path: apply_splices(change.before, rest, "")}
        for new in plan.added:
            if isinstance(new, AddFile) and b"twistlock.handler(" in new.data:
                yield f"{new.rule} of {new.path}", {new.path: new.data.replace(b"twistlock.handler(", b"(")}


def files_of(folder: Path) -> dict[str, bytes]:
    """All files below a folder, by name."""
    if not folder.exists():
        return {}
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@cache
def cases() -> tuple[Case, ...]:
    return tuple(Case(path.parent) for path in sorted((ROOT / "fixtures" / "nodejs").glob("*/case.toml")))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each case: all, those that embed refuses, those that it protects."""
    wanted = {
        "any_case": lambda case: True,
        "refused": lambda case: "refused" in case.facts,
        "case": lambda case: "refused" not in case.facts,
    }
    for argument, is_wanted in wanted.items():
        if argument in metafunc.fixturenames:
            found = [case for case in cases() if is_wanted(case)]
            metafunc.parametrize(argument, found, ids=[case.name for case in found], scope="module")


@pytest.fixture(scope="session")
def nodes() -> dict[int, Path]:
    """The Node.js binaries of the tests by major version, oldest first; `make test` installs them."""
    found = {int(path.name.split(".")[0]): path / "bin" / "node" for path in VERSIONS.glob("[0-9]*")}
    assert len(found) > 1, "no Node.js in build/node: run tests/node-versions"
    return dict(sorted(found.items()))


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The native core, compiled by the project's own build script."""
    spec = importlib.util.spec_from_file_location("agent_build", ROOT / "agent" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    return list(build.build(tmp_path_factory.mktemp("core")))


@pytest.fixture(scope="session")
def add_agent(libraries: list[Path]) -> Callable[..., Path]:
    """A function that puts the shim and the core into a task root."""

    def add(task_root: Path, on_failure: str = "open") -> Path:
        target = task_root / "twistlock"
        target.mkdir(parents=True)
        for path in (ROOT / "agent" / "nodejs" / "twistlock").iterdir():
            shutil.copy(path, target / path.name)
        (target / "_settings.js").write_text(f"exports.on_failure = '{on_failure}';\n")
        for library in libraries:
            os.link(library, target / library.name)
        return task_root

    return add


@pytest.fixture(scope="session")
def policy() -> str:
    """TW_POLICY of the built-in rule."""
    identity = Identity(function="golden", region="us-east-1", provider="aws", account=None)
    return encode(identity, default_policy().rules[0])


@pytest.fixture(scope="session")
def probe(policy: str) -> Callable[..., dict[str, Any]]:
    """Loads a function in a process of its own; probe.js says what comes back."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}

    def run(node: Path, root: Path, handlers: list[str], events: list[Any]) -> dict[str, Any]:
        out = root.with_name(f"{root.name}.{node.parts[-3]}.json")
        job = {"root": str(root), "handlers": handlers, "events": events, "out": str(out)}
        done = subprocess.run(
            [str(node), str(PROBE)],
            input=json.dumps(job),
            capture_output=True,
            text=True,
            cwd=root,
            env={**kept, "TW_POLICY": policy, "LAMBDA_TASK_ROOT": str(root)},
            timeout=60,
        )
        assert out.exists(), done.stderr
        result: dict[str, Any] = json.loads(out.read_text("utf-8"))
        return result

    return run
