"""Gradle projects built by real Gradles after embedding: the package holds the agent, runs inside it, and
answers as the function does. Some projects lack one of the insertions: those fail.

All projects of one Gradle are built in one run, each as a build of its own.
"""

from __future__ import annotations

import io
import os
import shutil
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_builders.builder import LambdaBuilder

from defender.archive import open_archive
from defender.bundle import Agent, builtin
from defender.edits.splice import apply_splices
from defender.plan import FileChange, Plan, file_changes
from defender.runtimes.java import gradle, repository
from defender.runtimes.java.projects import Project
from runtime_api import Environment

from . import gradle_home
from .conftest import Java, jdks

PLACE = "com/twistlock/serverless"
# In front of what the class says itself, as embedding writes it.
START = b"\n    static {\n        com.twistlock.serverless.Twistlock.start();\n    }\n"
HANDLER, EVENT, ANSWER = "example.Hello::greet", "te\u00e9", "hello te\u00e9"


@dataclass(frozen=True)
class Case:
    """A project that Gradle builds: as its author wrote it in `in`, the files that are edited in `out`.

    build.toml says which package comes out of the build, the Gradles (`gradle`) that can build it, the function's
    module (`folder`), and whether `sam build` makes the package (`by_sam`).
    """

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What build.toml says."""
        return tomllib.loads((self.folder / "build.toml").read_text("utf-8"))

    @property
    def module(self) -> str:
        """The function's folder in the project."""
        return str(self.facts.get("folder", ""))

    @property
    def gradles(self) -> list[int]:
        """The Gradles that build it."""
        return list(self.facts.get("gradle", [gradle_home.OLD, gradle_home.NEW]))

    def changes(self, version: str) -> tuple[FileChange, ...]:
        """The edited files."""
        project = Project(self.module, "gradle", os.path.join(self.module, "build.gradle"))
        with open_archive(self.folder / "in") as archive:
            edits = gradle.edits(archive, project, version, by_sam=self.facts.get("by_sam", False))
            return file_changes(archive, Plan(edits=edits))

    def protect_to(self, target: Path) -> None:
        """The edited project in a new folder, with the agent's repository, its handler's class naming the agent's."""
        shutil.copytree(self.folder / "in", target)
        for change in self.changes(VERSION):
            (target / change.path).write_bytes(change.after)
        for source in target.rglob("Hello.java"):
            source.write_bytes(source.read_bytes().replace(b" {\n", b" {" + START, 1))
        for name, data in repository.files(AGENT).items():
            path = target / self.module / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        if not list(target.glob("settings.gradle*")):
            # Without one, Gradle would look for it above.
            (target / "settings.gradle").write_text(f"rootProject.name = '{self.name}'\n")


CASES = [
    Case(path.parent) for path in sorted((Path(__file__).parent / "projects").glob("gradle-*/build.toml"))
]
AGENT = Agent(builtin("java"), "open")
VERSION = repository.version(AGENT)
BUILDS = [(case, version) for case in CASES for version in case.gradles]
# Where an insertion is to be missed: all of one project, and of others what is their own.
MUTATED = {
    # Its repositories can't be reached: nothing is asked but the agent's own.
    "gradle-build-zip": {"add-repository"},
    "gradle-plain": {"add-task"},
    "gradle-compile": {"add-dependency"},
    "gradle-settings-default": {"add-settings-repository"},
    "gradle-lock": {"lock-agent"},
}
MUTANTS = [(name, rule) for name, rules in MUTATED.items() for rule in sorted(rules)]


def mutants(case: Case) -> Iterator[tuple[str, str, bytes]]:
    """An edited file without one of its edits: the edit's rule, the file, what it holds then."""
    for change in case.changes(VERSION):
        for edit in change.edits:
            rest = [one for one in change.splices if one not in edit.splices]
            yield edit.rule.rpartition(".")[2], change.path, apply_splices(change.before, rest, change.path)


_TASK = "task '%s'(type: GradleBuild) { dir = '%s'; tasks = [':%s'] }\n"


def _prepare(folder: Path, version: int) -> None:
    """All projects for one Gradle, those that lack an insertion among them, and the build that runs them."""
    tasks = []
    for case in (one for one in CASES if version in one.gradles):
        case.protect_to(folder / case.name)
        names = [case.name]
        for rule, path, content in mutants(case) if version == max(case.gradles) else ():
            if rule in MUTATED.get(case.name, ()):
                names.append(f"{case.name}-{rule}")
                shutil.copytree(folder / case.name, folder / names[-1])
                (folder / names[-1] / path).write_bytes(content)
        for name in names[1:]:
            settings = folder / name / "settings.gradle"
            settings.write_text(settings.read_text().replace(f"'{case.name}'", f"'{name}'"))
        project = f"{case.module}:build" if case.module else "build"
        tasks += [_TASK % (name, name, project) for name in names]
    (folder / "settings.gradle").write_text("")
    (folder / "build.gradle").write_text(
        "".join(tasks) + "task all { dependsOn tasks.withType(GradleBuild) }\n"
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[Path, str]]:
    """For each Gradle the folder with all its projects built, and what it said."""
    found = {}
    for version in (gradle_home.OLD, gradle_home.NEW):
        folder = tmp_path_factory.mktemp(f"gradle{version}")
        _prepare(folder, version)
        found[version] = folder, gradle_home.run(version, folder, "all", jdks()[0])
    return found


def unpacked(project: Path, package: str, target: Path) -> Path:
    """What Lambda unpacks a package to."""
    with zipfile.ZipFile(project / package) as packed:
        packed.extractall(target)
    return target


@pytest.mark.parametrize("case", CASES, ids=lambda it: it.name)
def test_bytes(case: Case) -> None:
    """The edited files, and only insertions in them."""
    changes = case.changes("1.0")
    out = case.folder / "out"
    expected = {
        path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()
    }
    assert {change.path: change.after for change in changes} == expected
    assert all(splice.start == splice.end for change in changes for splice in change.splices)


@pytest.mark.parametrize(("case", "version"), BUILDS, ids=lambda it: getattr(it, "name", str(it)))
def test_build(
    case: Case, version: int, built: dict[int, tuple[Path, str]], policy: Any, tmp_path: Path
) -> None:
    """The package holds the whole agent, and answers as the function does, inside the agent."""
    folder, said = built[version]
    assert (folder / case.name / case.facts["package"]).exists(), said
    root = unpacked(folder / case.name, case.facts["package"], tmp_path / "root")
    assert _agent(root) == {raw.name for raw in repository.members(AGENT) if raw.name.startswith(PLACE)}
    if version < max(case.gradles):
        return  # The same package; the newer Gradle's is run.
    java = Java(root, root, Environment, jdks()[0])
    with java.start_protected(HANDLER, policy("prevent")) as running:
        assert running.invoke(EVENT).document == ANSWER
        assert '"msg":"the rule is enforced"' in running.errors().splitlines()[0]


def _agent(root: Path) -> set[str]:
    """The agent's files in a package, in its jar or beside the function's classes."""
    jars = list(root.glob(f"lib/defender-{VERSION}.jar"))
    if jars:
        with zipfile.ZipFile(io.BytesIO(jars[0].read_bytes())) as packed:
            return {name for name in packed.namelist() if name.startswith(PLACE)}
    return {path.relative_to(root).as_posix() for path in (root / PLACE).glob("*") if path.is_file()}


@pytest.mark.parametrize(("name", "rule"), MUTANTS)
def test_each_insertion_is_needed(
    name: str, rule: str, built: dict[int, tuple[Path, str]], tmp_path: Path, policy: Any
) -> None:
    """Without it, there is no package."""
    case = next(one for one in CASES if one.name == name)
    folder, said = built[max(case.gradles)]
    package = case.facts["package"].replace(name, f"{name}-{rule}")
    assert (folder / f"{name}-{rule}" / "settings.gradle").exists()
    assert not (folder / f"{name}-{rule}" / package).exists(), said


def test_sam_build(
    built: dict[int, tuple[Path, str]], tmp_path: Path, policy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`sam build` packs the agent without any task, by the very library that it builds Java functions with."""
    case = next(one for one in CASES if one.facts.get("by_sam"))
    case.protect_to(tmp_path / "project")
    (tmp_path / "scratch").mkdir()
    monkeypatch.setenv(
        "GRADLE_USER_HOME", str(built[gradle_home.OLD][0] / gradle_home.HOME / gradle_home.USER)
    )
    project, root = tmp_path / "project", tmp_path / "root"
    LambdaBuilder("java", "gradle", None).build(
        *(str(project), str(root), str(tmp_path / "scratch"), str(project / "build.gradle")),
        runtime="java17",
        executable_search_paths=["/usr/bin"],
    )
    java = Java(root, root, Environment, jdks()[0])
    with java.start_protected(HANDLER, policy("prevent")) as running:
        assert running.invoke(EVENT).document == ANSWER
