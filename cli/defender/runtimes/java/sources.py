"""The Java sources of one project: which files they are, and which declares a class.

A file is parsed when its bytes say that it may declare what is looked for.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Protocol

from defender.archive import Archive, Kind
from defender.runtimes.java.syntax import Unproven, spelled
from defender.runtimes.java.units import Declaration, Unit

BUILD_FILES = ("pom.xml", "build.gradle", "build.gradle.kts")
_AGENTS = re.compile(rb"^\s*package\s+com\s*\.\s*twistlock\b", re.M)
# Where builds write to, and what other tools keep.
_FOREIGN = frozenset(
    {
        "target",
        "build",
        "out",
        "bin",
        "dist",
        "node_modules",
        "cdk.out",
        "twistlock",
        "generated",
        "test",
        "tests",
    }
)
_CORE = re.compile(rb"\bcom\s*\.\s*amazonaws\s*\.\s*services\s*\.\s*lambda\s*\.\s*runtime\s*\.\s*[A-Z*]")
_ARTIFACT = b"aws-lambda-java-core"
_OUTPUTS = frozenset({"target", "build", "out", "bin", ".aws-sam", ".gradle", ".serverless", "cdk.out"})
_LARGEST = 4 << 20
_LANGUAGES = (".java", ".kt", ".scala", ".groovy")


class Project(Protocol):
    """What is asked of a project: the folder of its build file, "" for the input itself."""

    @property
    def folder(self) -> str:
        """The folder."""
        ...


class Sources:
    """The files that a project's Java compiler is given."""

    def __init__(self, archive: Archive, folder: str) -> None:
        """Nothing is read yet."""
        self._archive = archive
        self._folder = folder
        self._units: dict[str, Unit] = {}
        self._read: dict[str, bytes] = {}

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """All of them: below `src`, those of the main code alone; those of nested projects are none of its own."""
        inner = [one for one in self._projects if one != self._folder and _is_below(one, self._folder)]
        return tuple(
            path
            for path, member in self._archive.members.items()
            if path.endswith(".java")
            and member.kind is Kind.FILE
            and member.size <= _LARGEST
            and _is_below(path, self._folder)
            and not any(_is_below(path, one) for one in inner)
            and _is_main(posixpath.relpath(path, self._folder or "."))
        )

    @cached_property
    def _projects(self) -> set[str]:
        return {
            posixpath.dirname(name)
            for name in self._archive.members
            if posixpath.basename(name) in BUILD_FILES
        }

    def read(self, path: str) -> bytes:
        """A file's bytes; each is inflated once."""
        if path not in self._read:
            self._read[path] = self._archive.read(path)
        return self._read[path]

    def unit(self, path: str) -> Unit:
        """A file, parsed; raises Unproven."""
        if path not in self._units:
            self._units[path] = Unit(path, self.read(path))
        return self._units[path]

    def units(self) -> Iterator[Unit]:
        """All files that can be read."""
        for path in self.paths:
            try:
                yield self.unit(path)
            except Unproven:
                continue

    def by_binary_name(self, name: str) -> Declaration | None:
        """The class of a name such as `package.Outer$Inner`; raises Unproven where several files declare it."""
        stem = re.split(r"[.$]", name)[-1]
        return _only(name, [one for one in self._declaring(stem) if one.binary == name])

    def by_canonical_name(self, name: str) -> Declaration | None:
        """The class of a name such as `package.Outer.Inner`; raises Unproven where several files declare it."""
        stem = name.rpartition(".")[2]
        return _only(name, [one for one in self._declaring(stem) if one.canonical == name])

    def _declaring(self, simple: str) -> Iterator[Declaration]:
        words = rb"\b(?:class|record|interface|enum)\s+" + spelled(simple)
        for path in self.paths:
            if re.search(words, self.read(path)):
                yield from self.unit(path).all_types()

    def mentions(self, pattern: bytes) -> bool:
        """Whether a pattern occurs in any of the files."""
        return any(re.search(pattern, self.read(path)) for path in self.paths)

    @cached_property
    def other_agent(self) -> str | None:
        """A file of the input that puts a class of its own where the agent's are, in any of its projects."""
        for path, member in self._archive.members.items():
            folders = f"/{path}"
            if member.kind is not Kind.FILE or "/twistlock/com/twistlock/" in folders or _is_output(path):
                continue
            is_source = path.endswith(_LANGUAGES) and member.size <= _LARGEST
            if "/com/twistlock/" in folders or (is_source and _AGENTS.search(self.read(path))):
                return path
        return None

    @cached_property
    def is_module(self) -> bool:
        """Whether the project is a module in the sense of Java 9, which names all that it uses."""
        return any(posixpath.basename(path) == "module-info.java" for path in self.paths)

    @cached_property
    def has_core(self) -> bool:
        """Whether the classes of aws-lambda-java-core are there when it is compiled, as far as is said."""
        if self.mentions(_CORE.pattern):
            return True
        files = [posixpath.join(self._folder, name) for name in BUILD_FILES]
        return any(name in self._archive.members and _ARTIFACT in self.read(name) for name in files)


def _only(name: str, found: list[Declaration]) -> Declaration | None:
    if len(found) > 1:
        paths = ", ".join(dict.fromkeys(one.unit.source.path for one in found))
        raise Unproven(f"{name} is declared more than once: {paths}")
    return found[0] if found else None


def _is_output(path: str) -> bool:
    """Whether a build made the file: what was protected before may be among those."""
    before = re.split(r"/src/|(?:^|/)com/twistlock/", path)[0]
    return bool(_OUTPUTS & set(before.split("/")))


def _is_below(path: str, folder: str) -> bool:
    return not folder or path == folder or path.startswith(f"{folder}/")


def _is_main(path: str) -> bool:
    """Whether a file is compiled into what is deployed: of `src/main`, `src/test` and the like, the first."""
    parts = path.split("/")
    if "src" in parts:
        at = parts.index("src")
        if parts[at + 2 : at + 3] in (["java"], ["kotlin"], ["groovy"], ["scala"]):
            return parts[at + 1] == "main" and not _FOREIGN & set(parts[:at])
        return not _FOREIGN & set(parts[: at + 1]) and parts[at + 1] not in ("test", "it", "integrationTest")
    return not any(part in _FOREIGN or part.startswith(".") for part in parts[:-1])
