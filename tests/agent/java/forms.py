"""Golden cases of Java sources: what rewriting makes of them, and all their variants loaded in one JVM for each JDK."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from defender.archive import open_archive
from defender.edits.splice import apply_splices
from defender.plan import FileChange, Plan, file_changes
from defender.runtimes.java.source import Redirected, Rewritten, rewrite
from defender.runtimes.model import Function

ROOT = Path(__file__).parents[3]
FIXTURES = ROOT / "fixtures" / "java"
LIBRARIES = ROOT / "build" / "java"
PROBE = Path(__file__).with_name("probe")
AGENT = ROOT / "agent" / "java" / "classes"


@dataclass(frozen=True)
class Project:
    """The project of a case: the whole of it."""

    folder: str = ""


@dataclass(frozen=True)
class Form:
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
    def release(self) -> int:
        """The version of Java that the sources are written in."""
        return int(self.facts.get("release", 8))

    @cached_property
    def results(self) -> dict[str, Rewritten | Redirected]:
        """What rewriting makes of each handler."""
        with open_archive(self.folder / "in") as archive:
            return {
                handler: rewrite(archive, Project(), Function(handler, ""))
                for handler in self.facts["handlers_after"]
            }

    @cached_property
    def changes(self) -> tuple[FileChange, ...]:
        """The files that are edited, for all handlers together."""
        plan = Plan()
        for one in self.results.values():
            assert isinstance(one, Rewritten), one
            plan = plan.plus(Plan(edits=one.edits))
        with open_archive(self.folder / "in") as archive:
            return file_changes(archive, plan)

    @property
    def expected(self) -> dict[str, bytes]:
        """The edited files, by name."""
        out = self.folder / "out"
        return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*.java")}

    def variants(self) -> Iterator[tuple[str, dict[str, bytes]]]:
        """The sources as they were, protected, and without each insertion: a name, and the edited files."""
        yield "original", {}
        after = {change.path: change.after for change in self.changes}
        yield "protected", after
        for change in self.changes:
            for index, splice in enumerate(change.splices):
                rest = [one for one in change.splices if one is not splice]
                rule = next(edit.rule for edit in change.edits if splice in edit.splices)
                name = f"without {rule} of {change.path} ({index})"
                yield name, after | {change.path: apply_splices(change.before, rest, change.path)}

    def handler_of(self, variant: str, handler: str) -> str:
        """The handler setting that goes with a variant."""
        return handler if variant == "original" else str(self.facts["handlers_after"][handler])

    def events(self, handler: str) -> list[bytes]:
        """The events of a handler, as Lambda sends them."""
        found = [one["event"] for one in self.facts["events"] if one["handler"] == handler]
        return [json.dumps(one).encode() for one in found]


def forms() -> list[Form]:
    """All of them."""
    return [Form(path.parent) for path in sorted(FIXTURES.glob("source-*/case.toml"))]


# What came of a form's variant, for the compiler or one of its handlers: what happened, in order.
Key = tuple[str, str, str]
Told = dict[Key, list[str]]


def loaded(folder: Path, wanted: Iterable[Form], homes: list[Path]) -> dict[Path, Told]:
    """Every variant compiled once, by the newest JDK, and loaded by each that can; `homes` has the newest last."""
    probe = _probe(folder)
    compiling: dict[Key, list[str]] = {}
    loading: dict[int, dict[Key, list[str]]] = {}
    for form in wanted:
        for count, (variant, files) in enumerate(form.variants()):
            target = folder / "classes" / form.name / str(count)
            sources = folder / "sources" / form.name / str(count)
            compiling[form.name, variant, "javac"] = _javac(form, files, sources, target)
            for handler in form.facts["handlers_after"]:
                job = ["load", f"{target}:{probe}/agent:{AGENT}", form.handler_of(variant, handler)]
                job += [base64.b64encode(one).decode() for one in form.events(handler)]
                loading.setdefault(form.release, {})[form.name, variant, handler] = job
    said = _run(homes[-1], probe, compiling)
    found: dict[Path, Told] = {}
    for home in homes:
        able = {
            key: job
            for release, jobs in loading.items()
            if release <= version(home)
            for key, job in jobs.items()
        }
        found[home] = said | _run(home, probe, able)
    return found


def version(home: Path) -> int:
    """The version of a JDK."""
    text = (home / "release").read_text("utf-8")
    line = next(line for line in text.splitlines() if line.startswith("JAVA_VERSION="))
    return int(line.split('"')[1].split(".")[0])


def _probe(folder: Path) -> Path:
    """The probe's classes, and beside them those that stand in for the agent's."""
    probe = folder / "probe"
    common = ["javac", "--release", "8", "-nowarn", "-Xlint:-options", "-cp"]
    (probe / "agent").mkdir(parents=True)
    subprocess.run([*common, f"{LIBRARIES}/runtime/*", "-d", probe, PROBE / "Probe.java"], check=True)
    agent = PROBE / "com" / "twistlock" / "serverless" / "Agent.java"
    subprocess.run([*common, f"{LIBRARIES}/runtime/*", "-d", probe / "agent", agent], check=True)
    return probe


def _javac(form: Form, files: dict[str, bytes], sources: Path, target: Path) -> list[str]:
    """The compiler's arguments for one variant, whose edited files are written."""
    inputs = form.folder / "in"
    paths = [path.relative_to(inputs).as_posix() for path in sorted(inputs.rglob("*.java"))]
    for path, data in files.items():
        (sources / path).parent.mkdir(parents=True, exist_ok=True)
        (sources / path).write_bytes(data)
    target.mkdir(parents=True)
    chosen = [str((sources if path in files else inputs) / path) for path in paths]
    options = ["--release", str(form.release), "-nowarn", "-Xlint:-options"]
    processors = [*(LIBRARIES / "processors").glob("*.jar")] if form.facts.get("processors") else []
    options += ["-processorpath", ":".join(map(str, processors))] if processors else ["-proc:none"]
    libraries = map(str, [*(LIBRARIES / "function").glob("*.jar"), AGENT, *processors])
    options += ["-encoding", form.facts.get("encoding", "utf-8"), "-cp", ":".join(libraries)]
    return ["javac", *options, "-d", str(target), *chosen]


def _run(home: Path, probe: Path, jobs: dict[Key, list[str]]) -> Told:
    path = probe / f"jobs-{home.name}"
    path.write_text("".join("\t".join(job) + "\n" for job in jobs.values()), "utf-8")
    java = [home / "bin" / "java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dfile.encoding=UTF-8"]
    classes = f"{probe}:{LIBRARIES}/runtime/*:{LIBRARIES}/function/*"
    surroundings = {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "AWS_LAMBDA_FUNCTION_NAME": "golden",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
    }
    run = subprocess.run([*java, "-cp", classes, "Probe", path], capture_output=True, env=surroundings)
    assert run.returncode == 0, run.stderr
    lines = run.stdout.decode("ascii").split("\n")[:-1]
    assert len(lines) == len(jobs)
    told = [[base64.b64decode(one).decode("utf-8") for one in line.split()] for line in lines]
    return dict(zip(jobs, told, strict=True))
