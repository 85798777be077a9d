"""Python functions that look like handlers, for packages that say nowhere which one it is."""

from __future__ import annotations

import posixpath
import re

from defender.archive import Archive, Kind
from defender.runtimes.model import Candidate

# Two parameters, the first of them an event by name, at the top level of a module.
_LOOKS_LIKE_HANDLER = re.compile(
    rb"^(?:async[ \t]+)?def[ \t]+(\w+)[ \t]*\([ \t\r\n]*_?(?:event|evt)\w*[^,()]*,[ \t\r\n]*\w+", re.M
)
_FOREIGN = frozenset(
    {"tests", "test", "node_modules", "site-packages", "venv", ".venv", "env", ".aws-sam", "twistlock"}
)
_DEEPEST = 3
_LARGEST = 1 << 20
_MOST = 400


def candidates(archive: Archive) -> tuple[Candidate, ...]:
    """Top-level functions of two parameters whose first is named after an event, in the user's files.

    Installed packages (those that a `*.dist-info` names), tests and virtual environments don't count.
    """
    installed = _installed(archive)
    found = []
    paths = [
        name
        for name, member in archive.members.items()
        if name.endswith(".py")
        and member.kind is Kind.FILE
        and member.size <= _LARGEST
        and _is_own(name, installed)
    ]
    for path in paths[:_MOST]:
        for match in _LOOKS_LIKE_HANDLER.finditer(archive.read(path)):
            handler = f"{_module(path)}.{match[1].decode()}"
            found.append(Candidate(handler, f"{path} defines {match[1].decode()}(event, context)"))
    return tuple(found)


def _module(path: str) -> str:
    module = path.removesuffix(".py")
    return posixpath.dirname(path) if module.endswith("/__init__") else module


def _is_own(path: str, installed: frozenset[str]) -> bool:
    parts = path.split("/")
    return len(parts) <= _DEEPEST and not _FOREIGN & set(parts) and parts[0] not in installed


def _installed(archive: Archive) -> frozenset[str]:
    """Top-level names that `*.dist-info` folders list in RECORD or top_level.txt."""
    names = set()
    for member in archive.members:
        folder, _, name = member.partition("/")
        if folder.endswith((".dist-info", ".egg-info")) and name in ("RECORD", "top_level.txt"):
            for line in archive.read(member).decode("utf-8", "replace").splitlines():
                names.add(line.split(",")[0].split("/")[0].strip())
    return frozenset(names)
