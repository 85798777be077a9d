"""The ZIP format's records: finding and parsing its end and directory, building entries anew.

Field names and numbers are those of PKWARE's APPNOTE.TXT 6.3.10. Works on bytes; opens no file.
"""

from __future__ import annotations

import stat
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from defender.archive.pieces import Bytes
from defender.errors import PackageError

ENTRY = struct.Struct("<4s6H3I5H2I")
# Of an entry only what `Entry` keeps; attributes by their upper half, which holds the mode.
_READ = struct.Struct("<4sxB2xHH4x3I3H6xHI")
LOCAL = struct.Struct("<4s5H3I2H")
END = struct.Struct("<4s4H2IH")
END64 = struct.Struct("<4sQ2H2I4Q")
LOCATOR64 = struct.Struct("<4sIQI")
MAX16, MAX32 = 0xFFFF, 0xFFFFFFFF
ENCRYPTED, DESCRIPTOR, UTF8 = 0x1, 0x8, 0x800
UNIX = 3
# 1 January 1980, 00:00: the oldest date that ZIP knows, for all members that we add.
FIXED_DATE = (1 << 5) | 1


class Entry(NamedTuple):
    """One member as the directory has it; `at` and `end` are its bytes in the directory.

    Thousands are made and few are looked at, so `parse_directory` fills them by position.
    """

    raw_name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int
    mode: int
    at: int
    end: int

    @property
    def is_folder(self) -> bool:
        """Whether the entry is a folder's."""
        return self.raw_name.endswith(b"/") or stat.S_ISDIR(self.mode)


@dataclass(frozen=True, slots=True)
class End:
    """Where the directory lies and what follows it; `bias` is what offsets lack to be positions."""

    at: int
    size: int
    count: int
    bias: int
    data: bytes
    """All bytes behind the directory."""


def find_end(source: Bytes, path: Path) -> End:
    """The end of the archive; PackageError when the file is no ZIP, cut off, or ambiguous."""
    length = min(source.size, END.size + MAX16)
    tail = source.read_at(source.size - length, length)
    found = _last_end(tail, path)
    position = source.size - length + found
    fields = END.unpack_from(tail, found)
    _, disk, first_disk, here, count, size, offset, _ = fields
    if {disk, first_disk} - {0, MAX16} or (here != count and MAX16 not in (here, count)):
        raise PackageError("the archive is spread over several files", path=path)
    end = position
    wide = _end64(source, position, path)
    if wide is not None:
        narrow = ((count, MAX16), (size, MAX32), (offset, MAX32))
        end, count, size, offset = wide
        if any(value not in (full, other) for (value, full), other in zip(narrow, wide[1:], strict=True)):
            raise PackageError(
                "the archive has two ends, and readers disagree on which one counts", path=path
            )
    at = end - size
    if at < offset or at < 0:
        raise PackageError("the archive's directory lies outside of the file", path=path)
    return End(at, size, count, at - offset, source.read_at(end, source.size - end))


def _last_end(tail: bytes, path: Path) -> int:
    """Where the end record begins whose comment reaches to the last byte; there has to be just one."""
    found = []
    at = tail.rfind(b"PK\5\6")
    while at >= 0:
        if len(tail) - at >= END.size and at + END.size + END.unpack_from(tail, at)[7] == len(tail):
            found.append(at)
        at = tail.rfind(b"PK\5\6", 0, at)
    if len(found) == 1:
        return found[0]
    if found:
        raise PackageError("the archive has two ends, and readers disagree on which one counts", path=path)
    if b"PK\5\6" in tail:
        raise PackageError("the archive is cut off, or bytes were appended to it", path=path)
    raise PackageError("this is no ZIP file", path=path, hint="pass a deployment ZIP or a source folder")


def _end64(source: Bytes, position: int, path: Path) -> tuple[int, int, int, int] | None:
    """Start of the ZIP64 end record, number of entries, size and offset of the directory."""
    if position < LOCATOR64.size + END64.size:
        return None
    locator = LOCATOR64.unpack(source.read_at(position - LOCATOR64.size, LOCATOR64.size))
    if locator[0] != b"PK\6\7":
        return None
    if locator[3] > 1:
        raise PackageError("the archive is spread over several files", path=path)
    # The record lies before its locator; bytes in front of the archive shift it behind its offset.
    for at in (locator[2], position - LOCATOR64.size - END64.size):
        if 0 <= at <= position - LOCATOR64.size - END64.size:
            fields = END64.unpack(source.read_at(at, END64.size))
            if fields[0] == b"PK\6\6" and at + 12 + fields[1] == position - LOCATOR64.size:
                return at, fields[7], fields[8], fields[9]
    raise PackageError("the archive's ZIP64 end record is damaged", path=path)


def parse_directory(data: bytes, end: End, path: Path) -> list[Entry]:
    """All entries in the directory's order; PackageError when it is damaged."""
    entries: list[Entry] = []
    position = 0
    unpack, size, length = _READ.unpack_from, ENTRY.size, len(data)
    bias, append, new = end.bias, entries.append, tuple.__new__
    try:
        for _ in range(end.count):
            (magic, system, flags, method, crc, packed, inflated, name_size, extra_size, comment_size, mode,
             offset) = unpack(data, position)  # fmt: skip
            name_end = position + size + name_size
            stop = name_end + extra_size + comment_size
            if magic != b"PK\1\2" or stop > length:
                raise _damaged(path)
            if MAX32 in (packed, inflated, offset):
                extra = data[name_end : name_end + extra_size]
                inflated, packed, offset = wide_fields(extra, inflated, packed, offset, path)
            name = data[position + size : name_end]
            if system != UNIX:
                mode = 0
            append(
                new(Entry, (name, flags, method, crc, packed, inflated, offset + bias, mode, position, stop))
            )
            position = stop
    except struct.error as error:
        raise _damaged(path) from error
    if position != len(data):
        raise _damaged(path)
    return entries


def _damaged(path: Path) -> PackageError:
    return PackageError("the archive's directory is damaged", path=path, hint="build the package anew")


def wide_fields(extra: bytes, size: int, packed: int, offset: int, path: Path) -> tuple[int, int, int]:
    """Inflated size, compressed size and offset, those that are all ones taken from the ZIP64 field."""
    wide = extra_field(extra, 1)
    values = [size, packed, offset]
    for index, value in enumerate(values):
        if value == MAX32:
            if wide is None or len(wide) < 8:
                raise PackageError("a ZIP64 field is missing or cut off", path=path)
            values[index] = int.from_bytes(wide[:8], "little")
            wide = wide[8:]
    return values[0], values[1], values[2]


def extra_field(extra: bytes, wanted: int) -> bytes | None:
    """The data of one extra field."""
    span = _extra_span(extra, wanted)
    return None if span is None else extra[slice(*span)]


def _extra_span(extra: bytes, wanted: int) -> tuple[int, int] | None:
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == wanted:
            return at + 4, at + 4 + length
        at += 4 + length
    return None


def without_wide(extra: bytes) -> bytes:
    """Extra fields less ZIP64's, whose numbers change with the member."""
    kept = b""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<2H", extra)
        if kind != 1:
            kept += extra[: 4 + length]
        extra = extra[4 + length :]
    return kept + extra


@dataclass(frozen=True, slots=True)
class Built:
    """A member's record for the file and its entry for the directory, the offset in it still open."""

    record: bytes
    entry: bytes


def build(
    name: bytes, content: tuple[int, bytes], size: int, crc: int, mode: int, kind: int = stat.S_IFREG
) -> Built:
    """A new member: fixed date, explicit permission bits, name in UTF-8."""
    method, data = content
    flags = 0 if name.isascii() else UTF8
    common = (20, flags, method, 0, FIXED_DATE, crc, len(data), size, len(name))
    local = LOCAL.pack(b"PK\3\4", *common, 0) + name
    attributes = (kind | mode) << 16 | (0x10 if kind == stat.S_IFDIR else 0)
    entry = ENTRY.pack(b"PK\1\2", (UNIX << 8) | 20, *common, 0, 0, 0, 0, attributes, 0) + name
    return Built(local + data, entry)


def rebuild(old_entry: bytes, old_local: bytes, content: tuple[int, bytes], size: int, crc: int) -> Built:
    """A member with other content: its name, date, attributes, comment and extra fields stay."""
    method, data = content
    fields = ENTRY.unpack_from(old_entry)
    name_end = ENTRY.size + fields[10]
    name = old_entry[ENTRY.size : name_end]
    extra = without_wide(old_entry[name_end : name_end + fields[11]])
    comment = old_entry[name_end + fields[11] :]
    local_fields = LOCAL.unpack_from(old_local)
    local_extra = without_wide(old_local[LOCAL.size + local_fields[9] :][: local_fields[10]])
    common = (20, fields[3] & UTF8, method, fields[5], fields[6], crc, len(data), size, len(name))
    local = LOCAL.pack(b"PK\3\4", *common, len(local_extra)) + name + local_extra
    entry = ENTRY.pack(b"PK\1\2", fields[1], *common, len(extra), len(comment), 0, fields[14], fields[15], 0)
    return Built(local + data, entry + name + extra + comment)


def with_offset(entry: bytes, offset: int) -> bytes:
    """A directory entry with another offset, in the field where it has it, widened if need be."""
    fields = ENTRY.unpack_from(entry)
    extra_at = ENTRY.size + fields[10]
    extra = entry[extra_at : extra_at + fields[11]]
    span = _extra_span(extra, 1)
    if fields[16] == MAX32 and span is not None:
        at = extra_at + span[0] + 8 * (fields[8] == MAX32) + 8 * (fields[9] == MAX32)
        return entry[:at] + struct.pack("<Q", offset) + entry[at + 8 :]
    if offset < MAX32:
        return entry[:42] + struct.pack("<I", offset) + entry[46:]
    if span is not None:
        raise PackageError("a member would move beyond 4 GiB, which its ZIP64 field has no room for")
    wide = struct.pack("<2HQ", 1, 8, offset)
    head = entry[:30] + struct.pack("<H", fields[11] + len(wide)) + entry[32:42] + struct.pack("<I", MAX32)
    return head + entry[46:extra_at] + wide + entry[extra_at:]


def build_end(old: bytes, count: int, size: int, at: int, bias: int) -> bytes:
    """The bytes behind the directory, for other numbers; the comment and the record's form stay."""
    position = _end_in(old)
    fields = list(END.unpack_from(old, position))
    comment = old[position + END.size :]
    wide = b""
    offset = at - bias
    if position or count >= MAX16 or size >= MAX32 or offset >= MAX32:
        extensible = old[END64.size : position - LOCATOR64.size] if position else b""
        made = END64.unpack_from(old)[2:4] if position else (45, 45)
        wide = END64.pack(
            b"PK\6\6", END64.size - 12 + len(extensible), *made, 0, 0, count, count, size, offset
        )
        wide += extensible + LOCATOR64.pack(b"PK\6\7", 0, offset + size, 1)
    numbers = ((3, count, MAX16), (4, count, MAX16), (5, size, MAX32), (6, offset, MAX32))
    for index, value, full in numbers:
        keeps_full = position and fields[index] == full
        fields[index] = full if keeps_full else min(value, full)
    return wide + END.pack(*fields) + comment


def archive_comment(end: bytes) -> bytes:
    """The archive's comment, from the bytes behind its directory."""
    return end[_end_in(end) + END.size :]


def _end_in(old: bytes) -> int:
    """Where the classic end record stands among the bytes behind the directory."""
    if old.startswith(b"PK\6\6"):
        return 12 + int.from_bytes(old[4:12], "little") + LOCATOR64.size
    return 0
