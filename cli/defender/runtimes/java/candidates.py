"""Compiled classes that look like handlers, for packages that say nowhere which one it is."""

from __future__ import annotations

from defender.archive import Archive
from defender.errors import PackageError
from defender.runtimes.java.classpath import Classpath
from defender.runtimes.java.handlers import INTERFACES
from defender.runtimes.model import Candidate

# Frameworks bring handlers of their own; one of them is meant only where the user names it.
_FOREIGN = (
    "com/amazonaws/",
    "software/amazon/",
    "org/springframework/",
    "io/micronaut/",
    "io/quarkus/",
    "META-INF/",
)
_MOST = 20_000


def candidates(archive: Archive) -> tuple[Candidate, ...]:
    """Public classes of the package itself that implement one of Lambda's interfaces, directly or through others."""
    classpath = Classpath(archive, "")
    names = [name for name in classpath.own_classes() if not name.startswith(_FOREIGN)]
    found = []
    for name in names[:_MOST]:
        implemented = _implemented(classpath, name)
        if implemented is not None:
            why = f"{classpath.place(name)} implements {implemented.rpartition('/')[2]}"
            found.append(Candidate(name.replace("/", "."), why))
    return tuple(found)


def _implemented(classpath: Classpath, name: str) -> str | None:
    try:
        own = classpath.read(name)
        if own is None or not own.is_concrete:
            return None
        classes, _ = classpath.line(name)
    except PackageError:
        return None  # Lambda could not load it either.
    above = {supertype for one in classes for supertype in one.supertypes}
    return next((interface for interface in INTERFACES if interface in above), None)
