"""A folder as a new ZIP: sorted names, one date, links and permission bits kept, the same bytes everywhere."""

from __future__ import annotations

import os
import stat
import zlib
from pathlib import Path

from defender.archive.compression import STORED, packed
from defender.archive.folder_changes import PlannedFolder
from defender.archive.model import Advance, Kind, Member, Target
from defender.archive.names import normal_names
from defender.archive.output import publish, temporary_beside, write_all
from defender.archive.records import END, MAX32, build, build_end, with_offset
from defender.errors import PackageError


def pack(source: Path, planned: PlannedFolder, target: Target, advance: Advance | None) -> None:
    """Write the planned folder to the target as a ZIP, member by member.

    Raises PackageError for names that a folder may have and a ZIP may not.
    """
    total = sum(member.size for member in planned.members.values())
    normal_names(list(planned.members), source)
    entries: list[bytes] = []
    position = done = 0
    with temporary_beside(target.path) as temporary:
        output = os.open(temporary, os.O_WRONLY | getattr(os, "O_BINARY", 0))
        try:
            for name, member in sorted(planned.members.items()):
                built = _built(source, planned, name, member)
                write_all(output, built[0])
                entries.append(with_offset(built[1], position))
                position += len(built[0])
                done += member.size
                if advance is not None:
                    advance(done, total)
            directory = b"".join(entries)
            nothing = END.pack(b"PK\5\6", 0, 0, 0, 0, 0, 0, 0)
            write_all(output, directory + build_end(nothing, len(entries), len(directory), position, 0))
        finally:
            os.close(output)
        temporary.chmod(0o644)
        publish(temporary, target.path, durable=target.durable)


def _built(source: Path, planned: PlannedFolder, name: str, member: Member) -> tuple[bytes, bytes]:
    """One member's record and directory entry."""
    if member.size >= MAX32:
        raise PackageError("a file of over 4 GiB does not go into a package", path=name)
    try:
        raw = name.encode()
    except UnicodeEncodeError as error:
        raise PackageError(f"the name is no UTF-8: {name!r}", path=source) from error
    if member.kind is Kind.FOLDER:
        built = build(raw + b"/", (STORED, b""), 0, 0, member.mode, stat.S_IFDIR)
    elif member.kind is Kind.SYMLINK:
        link = os.fsencode((source / name).readlink())
        built = build(raw, (STORED, link), len(link), zlib.crc32(link), member.mode, stat.S_IFLNK)
    else:
        data = planned.read(name)
        built = build(raw, packed(data, name), len(data), zlib.crc32(data), member.mode)
    return built.record, built.entry
