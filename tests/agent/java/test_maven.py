"""Maven projects built by the real Maven before and after embedding: the package that comes out holds the agent, runs
inside it, and answers as it did.

tests/maven-packages has built the originals. What is edited is built here, all of it in one run of Maven, with some
projects that lack one of the insertions: those fail.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from defender.archive import open_archive
from defender.bundle import Agent, builtin
from defender.edits.splice import apply_splices
from defender.plan import FileChange, Plan, file_changes
from defender.runtimes.java import maven, repository
from defender.runtimes.java.projects import Project
from runtime_api import Environment

from .conftest import AGENTS, ROOT, Java, jdks

MAVEN = ROOT / "build" / "maven"
PLACE = "com/twistlock/serverless"
# In front of what the class says itself, as embedding writes it.
START = b"\n    static {\n        com.twistlock.serverless.Twistlock.start();\n    }\n"


@dataclass(frozen=True)
class Case:
    """A project that Maven builds: as its author wrote it in `in`, the files that are edited in `out`.

    build.toml says which package comes out of the build, `others` that could be deployed as well, the function's module
    (`folder`), whether `sam build` makes the package (`by_sam`), and an event with its answer.
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
    def project(self) -> Project:
        folder = self.facts.get("folder", "")
        return Project(folder, "maven", os.path.join(folder, "pom.xml"))

    def changes(self, version: str) -> tuple[FileChange, ...]:
        """The edited files."""
        with open_archive(self.folder / "in") as archive:
            by_sam = self.facts.get("by_sam", False)
            edits = maven.edits(archive, self.project, version, by_sam=by_sam)
            return file_changes(archive, Plan(edits=edits))

    def protect_to(self, target: Path) -> Path:
        """The edited project in a new folder, with the agent's repository, its handler's class naming the agent's."""
        shutil.copytree(self.folder / "in", target)
        for change in self.changes(VERSION):
            (target / change.path).write_bytes(change.after)
        for source in target.rglob("Hello.java"):
            source.write_bytes(source.read_bytes().replace(b" {\n", b" {" + START, 1))
        for name, data in repository.files(AGENT).items():
            path = target / self.project.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return target

    @property
    def packages(self) -> list[str]:
        """What is deployed, and what else could be."""
        return [self.facts["package"], *self.facts.get("others", [])]


CASES = [
    Case(path.parent) for path in sorted((Path(__file__).parent / "projects").glob("maven-*/build.toml"))
]
AGENT = Agent(builtin("java"), "open")
VERSION = repository.version(AGENT)


def mutants(case: Case) -> Iterator[tuple[str, str, bytes]]:
    """An edited file without one of its edits: the edit's rule, the file, what it holds then."""
    for change in case.changes(VERSION):
        for edit in change.edits:
            rest = [one for one in change.splices if one not in edit.splices]
            yield edit.rule.rpartition(".")[2], change.path, apply_splices(change.before, rest, change.path)


# Where an insertion is to be missed: all of one project, and of others what is their own.
MUTATED = {
    "maven-shade-listed": {"add-repository", "add-dependency", "include-artifact"},
    "maven-shade-minimized": {"keep-classes"},
    "maven-shade-minimized-filters": {"keep-classes"},
    "maven-assembly-descriptor": {"include-dependency"},
}
MUTANTS = [(name, rule) for name, rules in MUTATED.items() for rule in sorted(rules)]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with all projects built, those that lack an insertion beside the whole ones."""
    folder = tmp_path_factory.mktemp("maven")
    for case in CASES:
        case.protect_to(folder / case.name)
        for rule, path, content in mutants(case):
            if rule in MUTATED.get(case.name, ()):
                mutant = folder / f"{case.name}-{rule}"
                shutil.copytree(folder / case.name, mutant)
                (mutant / path).write_bytes(content)
                pom = mutant / "pom.xml"
                old, new = (f"<artifactId>{name}</artifactId>" for name in (case.name, mutant.name))
                pom.write_bytes(pom.read_bytes().replace(old.encode(), new.encode(), 1))
    options = ["-o", "-Daether.offline.protocols=file", "--fail-at-end", "--strict-checksums"]
    script = ["sh", str(ROOT / "tests/agent/java/maven.sh"), str(folder), str(MAVEN / "repository"), *options]
    done = subprocess.run(script, capture_output=True, text=True)
    failed = {
        line.split(" on project ")[1].split(":")[0]
        for line in done.stdout.splitlines()
        if " on project " in line
    }
    expected = {f"maven-shade-listed-{rule}" for rule in ("add-repository", "add-dependency")}
    assert failed == expected, done.stdout
    return folder


def unpacked(project: Path, package: str, target: Path) -> Path:
    """What Lambda unpacks a package to."""
    if package == "sam":
        # As `sam build` puts them together.
        shutil.copytree(project / "target" / "classes", target)
        shutil.copytree(project / "target" / "dependency", target / "lib")
    elif (project / package).is_dir():
        shutil.copytree(project / package, target)
    else:
        with zipfile.ZipFile(project / package) as packed:
            packed.extractall(target)
    return target


@pytest.mark.parametrize("case", CASES, ids=lambda it: it.name)
def test_bytes(case: Case) -> None:
    """The edited files, and only insertions in them."""
    changes = case.changes("1.0")
    expected = {
        path.relative_to(case.folder / "out").as_posix(): path.read_bytes()
        for path in (case.folder / "out").rglob("*.xml")
    }
    assert {change.path: change.after for change in changes} == expected
    assert all(splice.start == splice.end for change in changes for splice in change.splices)


@pytest.mark.parametrize("case", CASES, ids=lambda it: it.name)
def test_build(case: Case, built: Path, policy: Any, tmp_path: Path) -> None:
    """Each package answers as the original does, inside the agent."""
    handler, event = case.facts["handler"], case.facts["event"]
    for index, package in enumerate(case.packages):
        before = unpacked(MAVEN / "before" / case.name, package, tmp_path / f"before{index}")
        after = unpacked(built / case.name, package, tmp_path / f"after{index}")
        java = Java(before, after, Environment, jdks()[0])
        with java.start(handler) as running:
            outcome = running.invoke(event)
        assert outcome.document == case.facts["answer"]
        with java.start_protected(handler, policy("prevent")) as running:
            assert running.invoke(event) == outcome
            assert '"msg":"the rule is enforced"' in running.errors().splitlines()[0]


@pytest.mark.parametrize("case", CASES, ids=lambda it: it.name)
def test_agent_is_whole(case: Case, built: Path, tmp_path: Path) -> None:
    """All of its files are in each package, in its jar or beside the function's classes."""
    jar = next(data for name, data in repository.files(AGENT).items() if name.endswith(".jar"))
    with zipfile.ZipFile(io.BytesIO(jar)) as packed:
        expected = {name: packed.read(name) for name in packed.namelist() if name.startswith(PLACE)}
    for index, package in enumerate(case.packages):
        root = unpacked(built / case.name, package, tmp_path / str(index))
        jars = list(root.glob(f"lib/*defender-{VERSION}.jar"))
        if jars:
            with zipfile.ZipFile(jars[0]) as packed:
                found = {name: packed.read(name) for name in packed.namelist() if name.startswith(PLACE)}
        else:
            found = {
                path.relative_to(root).as_posix(): path.read_bytes()
                for path in (root / PLACE).glob("*")
                if path.is_file()
            }
        assert found == expected


@pytest.mark.parametrize(("name", "rule"), MUTANTS)
def test_each_insertion_is_needed(name: str, rule: str, built: Path, tmp_path: Path, policy: Any) -> None:
    """Without it, the build fails, or the agent's handler is not there."""
    case = next(one for one in CASES if one.name == name)
    project = built / f"{name}-{rule}"
    package = project / case.facts["package"].replace(name, project.name, 1)
    if rule in ("add-repository", "add-dependency"):
        assert not package.exists()
        return
    root = unpacked(project, str(package.relative_to(project)), tmp_path / "root")
    java = Java(root, root, Environment, jdks()[0])
    with java.start_protected(case.facts["handler"], policy("prevent")) as running:
        outcome = running.invoke(case.facts["event"])
    assert outcome.kind == "error"
    assert AGENTS in outcome.body.decode()
