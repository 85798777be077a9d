"""What a package carries to give the original back: `twistlock/defender.bin`.

A header in JSON, then the blobs that it points to. ZIP members are kept as raw records, files of folders as
content; either can be read out again alone, whatever kind of package the file is found in.
"""

from __future__ import annotations

import posixpath
import zlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from defender.archive.compression import inflated
from defender.archive.records import ENTRY, LOCAL, wide_fields
from defender.errors import PackageError

_MAGIC = b"TWDB\x01"


def relative(name: str, root: str) -> str:
    """A member's name as seen from a folder of the package; names outside of it start with `../`."""
    return posixpath.relpath(name, root or ".")


def absolute(name: str, root: str) -> str:
    """The member's name that `relative` came from."""
    return posixpath.normpath(posixpath.join(root, name))


class Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """One member: where its bytes lie among the blobs, and where the member stood.

    Names are relative to the folder that is deployed, so that a backup serves where it is found.
    """

    name: str
    size: int
    entry_size: int = 0
    """For a ZIP's: bytes of its directory entry, which follow its record."""
    previous_in_file: str | None = None
    previous_in_directory: str | None = None
    mode: int = 0o644
    crc: int = 0


class Header(msgspec.Struct, frozen=True, omit_defaults=True):
    """All members in the order of their blobs; for a ZIP also its end."""

    is_zip: bool
    members: tuple[Kept, ...]
    bias: int = 0
    end_size: int = 0


class Backup(msgspec.Struct, frozen=True):
    """A parsed backup."""

    header: Header
    records: dict[str, tuple[Kept, bytes, bytes]]
    """By name: what is known, the record or content, the directory entry."""
    end: bytes


def dump(header: Header, blobs: Sequence[bytes]) -> bytes:
    """The file's bytes."""
    head = msgspec.json.encode(header)
    return b"".join((_MAGIC, len(head).to_bytes(4, "big"), head, *blobs))


def load(data: bytes) -> Backup:
    """Raises PackageError when the file is not a whole backup."""
    if not data.startswith(_MAGIC):
        raise PackageError("defender.bin is none of ours, or of a newer version")
    start = len(_MAGIC) + 4
    length = int.from_bytes(data[len(_MAGIC) : start], "big")
    try:
        header = msgspec.json.decode(data[start : start + length], type=Header)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PackageError(f"defender.bin is damaged: {error}") from error
    position = start + length
    records = {}
    for kept in header.members:
        middle = position + kept.size
        records[kept.name] = (kept, data[position:middle], data[middle : middle + kept.entry_size])
        position = middle + kept.entry_size
    if position + header.end_size != len(data) or any(
        min(one.size, one.entry_size) < 0 for one in header.members
    ):
        raise PackageError("defender.bin is damaged: it has not the length that it says")
    return Backup(header, records, data[position:])


def original_data(backup: bytes, name: str) -> bytes:
    """The content of one kept member; PackageError when it is not kept or damaged."""
    return content(load(backup), name)


def content(backup: Backup, name: str) -> bytes:
    """The content of one kept member; PackageError when it is not kept or damaged."""
    if name not in backup.records:
        raise PackageError("defender.bin does not hold this file", path=name)
    kept, record, entry = backup.records[name]
    if not backup.header.is_zip:
        if zlib.crc32(record) != kept.crc:
            raise PackageError("defender.bin is damaged", path=name)
        return record
    if len(record) < LOCAL.size or len(entry) < ENTRY.size:
        raise PackageError("defender.bin is damaged", path=name)
    fields = ENTRY.unpack_from(entry)
    local = LOCAL.unpack_from(record)
    extra_at = ENTRY.size + fields[10]
    extra = entry[extra_at : extra_at + fields[11]]
    size, packed, _ = wide_fields(extra, fields[9], fields[8], 0, Path(name))
    start = LOCAL.size + local[9] + local[10]
    return inflated(fields[4], record[start : start + packed], size, fields[7], name)
