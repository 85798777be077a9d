"""Classes that look like handlers, compiled or in sources, for packages that say nowhere which one it is."""

from __future__ import annotations

from collections.abc import Iterator

from defender.archive import Archive
from defender.errors import PackageError
from defender.runtimes.java.classpath import Classpath
from defender.runtimes.java.handlers import FRAMEWORKS, INTERFACES
from defender.runtimes.java.projects import folders
from defender.runtimes.model import Candidate

_MOST = 20_000
_MOST_SOURCES = 500


def candidates(archive: Archive) -> tuple[Candidate, ...]:
    """Public classes of the package itself that implement one of Lambda's interfaces, directly or through others."""
    classpath = Classpath(archive, "")
    names = [name for name in classpath.own_classes() if not name.startswith((*FRAMEWORKS, "META-INF/"))]
    found = []
    for name in names[:_MOST]:
        implemented = _implemented(classpath, name)
        if implemented is not None:
            why = f"{classpath.place(name)} implements {implemented.rpartition('/')[2]}"
            found.append(Candidate(name.replace("/", "."), why))
    return tuple(found) or tuple(_in_sources(archive))


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


def _in_sources(archive: Archive) -> Iterator[Candidate]:
    """The same of the projects' Java sources."""
    wanted = tuple(name.replace("/", ".") for name in INTERFACES)
    for folder in folders(archive):
        # A grammar, which most packages do without.
        from defender.runtimes.java.hierarchy import hierarchy
        from defender.runtimes.java.names import Names, TypeVariable
        from defender.runtimes.java.sources import Sources
        from defender.runtimes.java.syntax import Unproven

        sources = Sources(archive, folder)
        if len(sources.paths) > _MOST_SOURCES or not sources.mentions(rb"\bRequest(?:Stream)?Handler\b"):
            continue
        names = Names(sources)
        for own in (one for unit in sources.units() for one in unit.all_types()):
            if (
                own.kind not in ("class", "record")
                or "abstract" in own.modifiers
                or "public" not in own.modifiers
            ):
                continue
            try:
                foreign = hierarchy(names, own).foreign
            except (Unproven, TypeVariable):
                continue
            implemented = next((name for name in wanted if name in foreign), None)
            if implemented is not None:
                why = f"{own.unit.source.path} implements {implemented.rpartition('.')[2]}"
                yield Candidate(own.binary, why)
