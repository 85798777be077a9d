"""Which member names are safe, and when two of them are one. Knows no archive format."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from defender.errors import PackageError

# No normal name holds one of these, when each stands between two line ends.
_SUSPICIOUS = ("\n/", "\n./", "\n.\n", ":", "\\", "\0", "//", "/./", "/.\n", "..")


def normal_names(names: list[str], source: Path) -> list[str]:
    """Every name without trailing slash, `./` and doubled slashes.

    Raises PackageError for one that is absolute, climbs out, or holds NUL or a backslash. Archives are full
    of plain names, so they are looked at all together first.
    """
    text = "\n".join(["", *names, ""])
    if not any(mark in text for mark in _SUSPICIOUS):
        return [name.rstrip("/") for name in names] if "/\n" in text else names
    return [_normal(name, source) for name in names]


def _normal(name: str, source: Path) -> str:
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    absolute = name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name)
    reasons = {
        "holds a NUL": "\0" in name,
        "is absolute": absolute,
        "climbs out of the package": ".." in parts,
        "holds a backslash, which some readers take for a slash": "\\" in name,
    }
    reason = next((reason for reason, applies in reasons.items() if applies), None)
    if reason is not None:
        raise PackageError(f"a member's name {reason}: {name!r}", path=source, hint="build the package anew")
    return "/".join(part for part in name.split("/") if part not in ("", "."))


def refuse_clashes(names: list[str], is_folder: Callable[[str], bool], source: Path) -> None:
    """Raise PackageError where two members are one file, or a file is also a folder."""
    known = set(names)
    if len(known) != len(names):
        seen: set[str] = set()
        for name in names:
            if name in seen:
                raise PackageError(
                    "two members have this name, and readers disagree on which one counts",
                    path=f"{source}:{name}",
                    hint="build the package anew",
                )
            seen.add(name)
    parents = {name[: name.rfind("/")] for name in names if "/" in name}
    while parents:
        both = [parent for parent in parents & known if not is_folder(parent)]
        if both:
            raise PackageError("a member is a file and a folder at once", path=f"{source}:{min(both)}")
        parents = {parent[: parent.rfind("/")] for parent in parents if "/" in parent}


def parents(name: str) -> list[str]:
    """The folders above a member, the innermost last."""
    parts = name.split("/")[:-1]
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]
