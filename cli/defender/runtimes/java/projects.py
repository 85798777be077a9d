"""The Maven or Gradle project whose build makes a function's package out of a source file.

Only says where build files lie; what they mean belongs to the build tools' own modules.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from defender.archive import Archive, Kind
from defender.errors import RewriteRefused

Tool = Literal["maven", "gradle"]
SOURCES = (".java", ".kt", ".scala", ".groovy")
BUILD_FILES: dict[Tool, tuple[str, ...]] = {
    "maven": ("pom.xml",),
    "gradle": ("build.gradle", "build.gradle.kts"),
}
_ALL_BUILD_FILES = frozenset(name for names in BUILD_FILES.values() for name in names)
# Folders whose files are not what the function is built from: tests, and what builds and tools leave behind.
_ASIDE = frozenset(
    {
        "test",
        "integrationTest",
        "target",
        "build",
        "bin",
        "out",
        "node_modules",
        ".aws-sam",
        ".gradle",
        "cdk.out",
    }
)


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with a build file, which makes one module's package.

    `parents` are the build files of the same tool in the folders above, the nearest first: a multi-module build's.
    """

    folder: str
    kind: Tool
    build_file: str
    parents: tuple[str, ...] = ()


def projects_of(archive: Archive, file: str) -> tuple[Project, ...]:
    """The projects that a source file belongs to: the nearest folder above with a build file, for either tool.

    One for each tool that has a build file there: which of two builds is the real one is not said. Raises
    RewriteRefused where there is none.
    """
    for folder in _above(file):
        found = tuple(
            Project(folder, kind, path, tuple(_parents(archive, folder, kind)))
            for kind in BUILD_FILES
            for path in build_files(archive, folder, kind)[:1]
        )
        if found:
            return found
    raise RewriteRefused(
        "no Maven or Gradle build file lies above this source, so nothing says how it is packaged",
        path=file,
        hint="embed the package that is deployed",
    )


def build_files(archive: Archive, folder: str, kind: Tool | None = None) -> list[str]:
    """The build files of a folder, of one tool or of all."""
    names = BUILD_FILES[kind] if kind is not None else _ALL_BUILD_FILES
    paths = [posixpath.join(folder, name) for name in sorted(names)]
    return [path for path in paths if path in archive.members and archive.members[path].kind is Kind.FILE]


def folders(archive: Archive) -> list[str]:
    """The folders of all projects; none of what lies in other tools' folders, or in packages that are built."""
    found = [path for path in archive.members if posixpath.basename(path) in _ALL_BUILD_FILES]
    aside = {*_ASIDE, "META-INF"}
    return list(
        dict.fromkeys(posixpath.dirname(path) for path in found if not aside & set(path.split("/")[:-1]))
    )


def is_source(file: str) -> bool:
    """Whether a function's file is part of a project: a source, or the build file that brings its handler's class."""
    return file.endswith(SOURCES) or posixpath.basename(file) in _ALL_BUILD_FILES


def source_files(archive: Archive, task_root: str) -> Iterator[str]:
    """The source files below a folder that go into packages: tests and what builds leave behind are not among them."""
    prefix = posixpath.join(task_root, "")
    for path, member in archive.members.items():
        if path.startswith(prefix) and path.endswith(SOURCES) and member.kind is Kind.FILE:
            folders = posixpath.dirname(path[len(prefix) :]).split("/")
            # A package may be called `build`: what counts lies outside of the source folder.
            outside = folders[: folders.index("main")] if "main" in folders else folders[:2]
            if not _ASIDE & set(outside):
                yield path


def _above(file: str) -> Iterator[str]:
    folder = posixpath.dirname(file)
    while folder:
        yield folder
        folder = posixpath.dirname(folder)
    yield ""


def _parents(archive: Archive, folder: str, kind: Tool) -> Iterator[str]:
    for above in _above(folder) if folder else ():
        yield from build_files(archive, above, kind)[:1]
