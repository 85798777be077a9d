"""Which member names are safe, and when two of them are one. Knows no archive format."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from defender.errors import PackageError

_SUSPICIOUS = re.compile(r"(?:^|\n)(?:/|\./|[A-Za-z]:)|\\|\0|//|/\./|/\.(?:\n|$)|\.\.")


def normal_names(names: list[str], source: Path) -> list[str]:
    """Every name without trailing slash, `./` and doubled slashes.

    Raises PackageError for one that is absolute, climbs out, or holds NUL. Archives are full of plain
    names, so they are looked at all together first.
    """
    if not _SUSPICIOUS.search("\n".join(names)):
        return [name.rstrip("/") for name in names]
    return [_normal(name, source) for name in names]


def _normal(name: str, source: Path) -> str:
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    absolute = name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name)
    if "\0" in name or absolute or ".." in parts:
        reason = "holds a NUL" if "\0" in name else "is absolute" if absolute else "climbs out of the package"
        raise PackageError(f"a member's name {reason}: {name!r}", path=source, hint="build the package anew")
    return "/".join(part for part in name.split("/") if part not in ("", "."))


def refuse_clashes(names: list[str], containers: Iterable[str], source: Path) -> None:
    """Raise PackageError where two members are one file, or a file is also a folder.

    `containers` are the members that can hold no others: files and symbolic links.
    """
    if len(set(names)) != len(names):
        seen: set[str] = set()
        for name in names:
            if name in seen:
                raise PackageError(
                    "two members have this name, and readers disagree on which one counts",
                    path=f"{source}:{name}",
                    hint="build the package anew",
                )
            seen.add(name)
    leaves = set(containers)
    parents = {name.rpartition("/")[0] for name in names}
    while parents - {""}:
        both = parents & leaves
        if both:
            raise PackageError("a member is a file and a folder at once", path=f"{source}:{min(both)}")
        parents = {parent.rpartition("/")[0] for parent in parents}
