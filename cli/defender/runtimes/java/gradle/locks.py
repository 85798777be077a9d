"""Files that hold a build to the dependencies it had: lock files are extended by the agent, checksums are refused."""

from __future__ import annotations

import posixpath
from collections.abc import Callable

from defender.edits.splice import Splice
from defender.errors import RewriteRefused
from defender.plan import Edit
from defender.runtimes.java.gradle.build import Build, is_file
from defender.runtimes.java.gradle.tokens import BY_HAND

_LOCK = "gradle.lockfile"
_OLD_LOCKS = "gradle/dependency-locks/"
_VERIFICATION = "gradle/verification-metadata.xml"
_RULE = "java.gradle.lock-agent"
_CLASSPATHS = ("compileClasspath", "runtimeClasspath", "testCompileClasspath", "testRuntimeClasspath")
# Configurations of well-known plugins that hold none of a project's own dependencies.
_OTHERS = frozenset(
    {
        "annotationProcessor",
        "testAnnotationProcessor",
        "checkstyle",
        "pmd",
        "pmdAux",
        "spotbugs",
        "spotbugsPlugins",
    }
    | {"jacocoAgent", "jacocoAnt", "archives", "default", "signatures", "errorprone"}
)


def lacking(build: Build, coordinates: str) -> str | None:
    """Why a lock file would not let the agent in; None where it does, or there is none."""
    wanted = _wanted(build, coordinates)
    if wanted is None:
        return None
    path, data, line = wanted
    return None if line.strip() in {one.strip() for one in data.split(b"\n")} else f"{path}: lacks the agent"


def edits(build: Build, coordinates: str) -> tuple[Edit, ...]:
    """The agent as a line of the project's lock file, where it has one.

    Raises RewriteRefused for lock files of another kind, and where checksums are verified.
    """
    wanted = _wanted(build, coordinates)
    if wanted is None:
        return ()
    path, data, line = wanted
    splice = Splice.insert(_place(data.split(b"\n"), line), line)
    return (Edit(path, _RULE, "the lock file allows what it lists", (splice,), _proof(path, data, line)),)


def _wanted(build: Build, coordinates: str) -> tuple[str, bytes, bytes] | None:
    """The lock file, its content, and the agent's line in it; None where nothing is locked that has the agent."""
    _refuse_others(build)
    path = posixpath.join(build.folder, _LOCK)
    if not is_file(build.archive, path):
        return None
    data = build.archive.read(path)
    lines = data.split(b"\n")
    names = _locked(path, lines)
    newline = "\r\n" if lines[0].endswith(b"\r") else "\n"
    return (path, data, f"{coordinates}={','.join(names)}{newline}".encode()) if names else None


def _locked(path: str, lines: list[bytes]) -> list[str]:
    """The project's classpaths that are locked; RewriteRefused where others are that may hold the agent, too."""
    found: set[str] = set()
    for line in lines:
        entry = line.strip()
        if entry and not entry.startswith(b"#"):
            key, equals, rest = entry.partition(b"=")
            names = {one for one in rest.decode("ascii", "replace").split(",") if one}
            if not equals or (key == b"empty" and names & set(_CLASSPATHS)):
                raise RewriteRefused("a lock file that can't be extended", path=path, hint=BY_HAND)
            found |= names
    unknown = found - set(_CLASSPATHS) - _OTHERS
    if unknown:
        raise RewriteRefused(
            f"whether the agent belongs to the locked configuration {min(unknown)!r} can't be told",
            path=path,
            hint=BY_HAND,
        )
    return [name for name in _CLASSPATHS if name in found]


def _place(lines: list[bytes], wanted: bytes) -> int:
    """Where the line belongs: entries are in order, and `empty=` stands last."""
    at = 0
    for line in lines:
        entry = line.strip()
        if entry and not entry.startswith(b"#") and (entry.startswith(b"empty=") or entry > wanted.strip()):
            return at
        at += len(line) + 1
    return at - 1


def _proof(path: str, before: bytes, line: bytes) -> Callable[[bytes], None]:
    wanted = sorted([*before.split(b"\n"), line.rstrip(b"\n")])

    def prove(after: bytes) -> None:
        if sorted(after.split(b"\n")) != wanted:
            raise RewriteRefused("the lock file would not read as intended", path=path)

    return prove


def _refuse_others(build: Build) -> None:
    for folder in {build.root, build.folder}:
        path = posixpath.join(folder, _VERIFICATION)
        if is_file(build.archive, path):
            raise RewriteRefused(
                "checksums of dependencies are verified, and lack the agent's", path=path, hint=BY_HAND
            )
        old = posixpath.join(folder, _OLD_LOCKS)
        if any(name.startswith(old) for name in build.archive.members):
            raise RewriteRefused("lock files of Gradle before 6.8", path=old.rstrip("/"), hint=BY_HAND)
