"""Maven projects built by the real Maven before and after embedding: the package that comes out holds the agent, runs
inside it, and answers as it did.

tests/maven-packages has built the originals. What is edited is built here, all of it in one run of Maven, with some
projects that lack one of the insertions: those fail.
"""

from __future__ import annotations

import io
import json
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
from click.testing import CliRunner

from defender.archive import open_archive
from defender.bundle import Agent, builtin
from defender.cli import cli
from defender.detect import detect
from defender.edits.splice import apply_splices
from defender.plan import FileChange, file_changes
from defender.runtimes import runtime
from defender.runtimes.java import repository
from defender.runtimes.model import Request
from runtime_api import Environment

from .conftest import ROOT, Java, jdks

MAVEN = ROOT / "build" / "maven"
PLACE = "com/twistlock/serverless"
AGENT = Agent(builtin("java"), "open")
VERSION = repository.version(AGENT)


@dataclass(frozen=True)
class Case:
    """A project that Maven builds: as its author wrote it in `in`, the files that are edited in `out`.

    There the agent's version is 1.0. build.toml says which package comes out of the build, `others` that could be
    deployed as well, the handler, and an event with its answer.
    """

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What build.toml says."""
        return tomllib.loads((self.folder / "build.toml").read_text("utf-8"))

    @cached_property
    def changes(self) -> tuple[FileChange, ...]:
        """The edited files."""
        with open_archive(self.folder / "in") as archive:
            request = Request(runtime="java17", handlers=(self.facts["handler"],))
            found, _ = detect(archive, request)
            return file_changes(archive, runtime("java").plan(archive, found, AGENT))

    def protect_to(self, target: Path) -> Path:
        """The protected project in a new folder."""
        options = ["-o", str(target), "--runtime", "java17", "--handler", self.facts["handler"], "--json"]
        run = CliRunner().invoke(cli, ["embed", str(self.folder / "in"), *options], standalone_mode=False)
        assert not run.return_value, run.output
        (function,) = json.loads(run.stdout)["functions"]
        settings = {"handler": function["handler"]["after"], "environment": function["environment"]}
        target.with_name(f"{target.name}.json").write_text(json.dumps(settings))
        return target

    @property
    def packages(self) -> list[str]:
        """What is deployed, and what else could be."""
        return [self.facts["package"], *self.facts.get("others", [])]

    def mutants(self) -> Iterator[tuple[str, str, bytes]]:
        """An edited file without one of its edits: the edit's rule, the file, what it holds then."""
        for change in self.changes:
            for edit in change.edits:
                rest = [one for one in change.splices if one not in edit.splices]
                yield (
                    edit.rule.rpartition(".")[2],
                    change.path,
                    apply_splices(change.before, rest, change.path),
                )


CASES = [
    Case(path.parent) for path in sorted((Path(__file__).parent / "projects").glob("maven-*/build.toml"))
]
# Where an insertion is to be missed: all of one project, and of others what is their own.
MUTATED = {
    "maven-shade-listed": {"add-repository", "add-dependency", "include-artifact"},
    "maven-shade-minimized": {"keep-classes"},
    "maven-shade-minimized-filters": {"keep-classes"},
    "maven-assembly-descriptor": {"include-dependency"},
}
MUTANTS = [(name, rule) for name, rules in MUTATED.items() for rule in sorted(rules)]
UNBUILT = ("add-repository", "add-dependency")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with all projects built, those that lack an insertion beside the whole ones."""
    folder = tmp_path_factory.mktemp("maven")
    for case in CASES:
        case.protect_to(folder / case.name)
        for rule, path, content in case.mutants():
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
    assert failed == {f"maven-shade-listed-{rule}" for rule in UNBUILT}, done.stdout
    return folder


def unpacked(project: Path, package: str, target: Path) -> Path:
    """What Lambda unpacks a package to."""
    if package == "sam":
        # As `sam build` puts them together.
        shutil.copytree(project / "target" / "classes", target)
        shutil.copytree(project / "target" / "dependency", target / "lib")
    else:
        with zipfile.ZipFile(project / package) as packed:
            packed.extractall(target)
    return target


def start(java: Java, project: Path, policy: str) -> Any:
    """An environment of a protected package, with the settings that embedding asks for but for its own policy."""
    settings = json.loads(project.with_name(f"{project.name}.json").read_text())
    variables = {name: value for name, value in settings["environment"].items() if name != "TW_POLICY"}
    return java.start(settings["handler"], policy, java.protected, **variables)


@pytest.mark.parametrize("case", CASES, ids=lambda it: it.name)
def test_bytes(case: Case) -> None:
    """The edited files, and only insertions in pom.xml and descriptors."""
    expected = {
        path.relative_to(case.folder / "out").as_posix(): path.read_bytes()
        for path in (case.folder / "out").rglob("*")
        if path.is_file()
    }
    made = {one.path: one.after.replace(VERSION.encode(), b"1.0") for one in case.changes}
    assert made == expected
    splices = [splice for one in case.changes if one.path.endswith(".xml") for splice in one.splices]
    assert splices
    assert all(splice.start == splice.end for splice in splices)


@pytest.mark.parametrize("case", CASES, ids=lambda it: it.name)
def test_build(case: Case, built: Path, policy: Any, tmp_path: Path) -> None:
    """Each package answers as the original does, inside the agent, all of whose files are in it."""
    handler, event = case.facts["handler"], case.facts["event"]
    for index, package in enumerate(case.packages):
        before = unpacked(MAVEN / "before" / case.name, package, tmp_path / f"before{index}")
        after = unpacked(built / case.name, package, tmp_path / f"after{index}")
        assert agents_files(after) == agents_files(None)
        java = Java(before, after, Environment, jdks()[0])
        with java.start(handler) as running:
            outcome = running.invoke(event)
        assert outcome.document == case.facts["answer"]
        with start(java, built / case.name, policy("prevent")) as running:
            assert running.invoke(event) == outcome
            assert '"msg":"the rule is enforced"' in running.errors().splitlines()[0]


def agents_files(root: Path | None) -> dict[str, bytes]:
    """The agent's files in a package, by a jar of its own or beside the classes; or in the local repository."""
    jars: list[Any] = []
    if root is None:
        jars = [io.BytesIO(data) for name, data in repository.files(AGENT).items() if name.endswith(".jar")]
    elif (root / "lib").is_dir():
        jars = list(root.glob(f"lib/*defender-{VERSION}.jar"))
    if root is not None and not jars:
        files = [path for path in (root / PLACE).glob("*") if path.is_file()]
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}
    with zipfile.ZipFile(jars[0]) as packed:
        return {
            name: packed.read(name)
            for name in packed.namelist()
            if name.startswith(PLACE) and name[-1] != "/"
        }


@pytest.mark.parametrize(("name", "rule"), MUTANTS)
def test_each_insertion_is_needed(name: str, rule: str, built: Path, tmp_path: Path, policy: Any) -> None:
    """Without it, the build fails, or the function finds no agent and fails."""
    case = next(one for one in CASES if one.name == name)
    project = built / f"{name}-{rule}"
    package = case.facts["package"].replace(name, project.name, 1)
    if rule in UNBUILT:
        assert not (project / package).exists()
        return
    root = unpacked(project, package, tmp_path / "root")
    with start(Java(root, root, Environment, jdks()[0]), built / name, policy("prevent")) as running:
        outcome = running.invoke(case.facts["event"])
    assert outcome.kind in ("error", "init-error")
    assert "twistlock" in outcome.body.decode()
