"""Classes in Java sources that look like handlers, for projects that say nowhere which one it is."""

from __future__ import annotations

from collections.abc import Iterator

from defender.archive import Archive
from defender.runtimes.java.hierarchy import hierarchy
from defender.runtimes.java.names import REQUEST_HANDLER, STREAM_HANDLER, Names, TypeVariable
from defender.runtimes.java.sources import Project, Sources
from defender.runtimes.java.syntax import Unproven
from defender.runtimes.java.units import Declaration
from defender.runtimes.model import Candidate

_MENTION = rb"Request(?:Stream)?Handler"


def candidates(archive: Archive, project: Project) -> tuple[Candidate, ...]:
    """Public classes of a project that implement one of Lambda's interfaces, directly or through others."""
    sources = Sources(archive, project.folder)
    if not sources.mentions(_MENTION):
        return ()
    names = Names(sources)
    return tuple(
        Candidate(one.binary, f"{unit.source.path} implements {implemented.rpartition('.')[2]}")
        for unit in sources.units()
        for one in unit.all_types()
        if _can_be_made(one) and (implemented := _implemented(names, one)) is not None
    )


def _can_be_made(one: Declaration) -> bool:
    """Whether the runtime can make an object of the class, as far as modifiers tell."""
    if one.kind not in ("class", "record") or "abstract" in one.modifiers or not one.is_static:
        return False
    in_interface = one.outer is not None and one.outer.kind == "interface"
    return "public" in one.modifiers or in_interface


def _implemented(names: Names, one: Declaration) -> str | None:
    known = (STREAM_HANDLER, REQUEST_HANDLER)
    try:
        return next((name for name in known if name in hierarchy(names, one).foreign), None)
    except (Unproven, TypeVariable):
        # Part of what is above it is not here: what it says itself is what can be told.
        return next((name for name in known if name in _own(names, one)), None)


def _own(names: Names, one: Declaration) -> Iterator[str]:
    for node in one.interfaces:
        try:
            yield names.of_type(node, one, in_body=False)
        except (Unproven, TypeVariable):
            continue
