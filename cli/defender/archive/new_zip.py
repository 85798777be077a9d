"""A ZIP made of nothing but members that are compressed already, in memory: the same members, the same bytes."""

from __future__ import annotations

from collections.abc import Iterable

from defender.archive.model import AddRaw
from defender.archive.records import END, build, build_end, with_offset


def new_zip(members: Iterable[AddRaw]) -> bytes:
    """The archive with these members, in their order."""
    data, entries = b"", []
    for one in members:
        built = build(one.name.encode(), (one.method, one.data), one.size, one.crc, one.mode)
        entries.append(with_offset(built.entry, len(data)))
        data += built.record
    directory = b"".join(entries)
    nothing = END.pack(b"PK\5\6", 0, 0, 0, 0, 0, 0, 0)
    return data + directory + build_end(nothing, len(entries), len(directory), len(data), 0)
