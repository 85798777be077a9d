"""From a ZIP's entries and changes to the pieces of the new file: copied ranges and new bytes.

Pure: reads of the old file only the local headers of members that change. Members keep their places;
new ones come last. The directory is made of the old entries' own bytes, offsets patched.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from defender.archive.compression import packed
from defender.archive.model import Add, AddRaw, Change, Drop, Replace, RestoreEnd, RestoreRecord
from defender.archive.pieces import Copied, New, Piece, merged
from defender.archive.records import MAX32, Built, End, Entry, build, build_end, rebuild, with_offset
from defender.errors import PackageError, RewriteRefused


@dataclass(frozen=True)
class Contents:
    """A parsed ZIP as the layout needs it: entries in directory order, and the order in the file."""

    names: Sequence[str]
    entries: Sequence[Entry]
    file_order: Sequence[int]
    extents: Sequence[int]
    """For each entry the position behind its record: the next record, or the directory."""
    directory: bytes
    end: End
    index: Mapping[str, int]


@dataclass
class _Slot:
    """One member of the new archive: its pieces in the file, its entry without the right offset."""

    record: Piece
    entry: bytes | None
    """None for an entry that is taken from the old directory."""
    old: int | None = None
    offset: int = 0


def lay_out(contents: Contents, changes: Sequence[Change], record_of: Callable[[int], bytes]) -> list[Piece]:
    """The pieces of the archive with all changes made.

    `record_of` gives the old record of an entry. Raises RewriteRefused for changes that contradict each
    other or the archive.
    """
    slots, file_order, directory_order = _slots(contents, changes, record_of)
    pieces: list[Piece] = [Copied(0, contents.entries[contents.file_order[0]].offset)]
    position = len(pieces[0])
    for key in file_order:
        slot = slots[key]
        slot.offset = position
        position += len(slot.record)
        pieces.append(slot.record)
    restored = next((change for change in changes if isinstance(change, RestoreEnd)), None)
    bias = contents.end.bias if restored is None else restored.bias
    directory = _directory(contents, [slots[key] for key in directory_order], bias)
    tail = build_end(
        restored.data if restored is not None else contents.end.data,
        len(directory_order),
        len(directory),
        position,
        bias,
    )
    return merged([*pieces, New(directory), New(tail)])


_Key = int | str


def _slots(
    contents: Contents, changes: Sequence[Change], record_of: Callable[[int], bytes]
) -> tuple[dict[_Key, _Slot], list[_Key], list[_Key]]:
    """The new archive's members, in the order of the file and in that of the directory."""
    dropped = {_old(contents, change.name) for change in changes if isinstance(change, Drop)}
    replaced: dict[int, _Slot] = {}
    stays = set(range(len(contents.entries))) - dropped
    added: list[tuple[str, _Slot]] = []
    inserted: list[RestoreRecord] = []
    for change in changes:
        match change:
            case Replace(name, data):
                old = _old(contents, name)
                replaced[old] = _replaced(contents, old, data, record_of)
            case RestoreRecord(name) if contents.index.get(name, -1) in stays:
                replaced[contents.index[name]] = _Slot(New(change.record), change.entry)
            case RestoreRecord():
                inserted.append(change)
            case Add(name) | AddRaw(name):
                if contents.index.get(name, -1) in stays or any(name == other for other, _ in added):
                    raise RewriteRefused("the package has a file of this name already", path=name)
                added.append((name, _added(change)))
    slots: dict[_Key, _Slot] = {}
    for old, entry in enumerate(contents.entries):
        if old not in dropped:
            untouched = _Slot(Copied(entry.offset, contents.extents[old]), None, old)
            slots[old] = replaced.get(old, untouched)
    file_order: list[_Key] = [old for old in contents.file_order if old not in dropped]
    directory_order: list[_Key] = [old for old in range(len(contents.entries)) if old not in dropped]
    for name, slot in added:
        slots[name] = slot
        file_order.append(name)
        directory_order.append(name)
    for record in inserted:
        slots[record.name] = _Slot(New(record.record), record.entry)
        for order, previous in (
            (file_order, record.previous_in_file),
            (directory_order, record.previous_in_directory),
        ):
            _insert(contents, order, record.name, previous)
    return slots, file_order, directory_order


def _insert(contents: Contents, order: list[_Key], name: str, previous: str | None) -> None:
    """Put a member behind the one that it followed; at the end when that one is gone."""
    if previous is None:
        order.insert(0, name)
        return
    key: _Key = previous if previous in order else contents.index.get(previous, previous)
    order.insert(order.index(key) + 1 if key in order else len(order), name)


def _old(contents: Contents, name: str) -> int:
    if name not in contents.index:
        raise RewriteRefused("there is no such member to change", path=name)
    return contents.index[name]


def _replaced(contents: Contents, old: int, data: bytes, record_of: Callable[[int], bytes]) -> _Slot:
    entry = contents.entries[old]
    old_entry = contents.directory[entry.at : entry.end]
    built = rebuild(old_entry, record_of(old), packed(data), len(data), zlib.crc32(data))
    return _Slot(New(built.record), built.entry)


def _added(change: Add | AddRaw) -> _Slot:
    built: Built
    name = change.name.encode()
    if isinstance(change, AddRaw):
        built = build(name, (change.method, change.data), change.size, change.crc, change.mode)
    else:
        crc = zlib.crc32(change.data)
        built = build(name, packed(change.data), len(change.data), crc, change.mode)
    return _Slot(New(built.record), built.entry)


def _directory(contents: Contents, slots: Sequence[_Slot], bias: int) -> bytes:
    """All entries with their new offsets. Most are old ones of which four bytes change, if any."""
    old_directory = contents.directory
    parts: list[bytes | memoryview] = []
    view = memoryview(old_directory)
    run_start = run_end = 0  # neighbouring entries that stay as they are
    for slot in slots:
        offset = slot.offset - bias
        if offset < 0:
            raise PackageError("a member would lie in front of the archive's start")
        if slot.old is not None:
            entry = contents.entries[slot.old]
            if entry.offset == slot.offset and bias == contents.end.bias:
                if entry.at != run_end:
                    parts.append(view[run_start:run_end])
                    run_start = entry.at
                run_end = entry.end
                continue
            parts.append(view[run_start:run_end])
            run_start = run_end = entry.end
            parts.append(_moved(old_directory, entry, offset))
        elif slot.entry is not None:
            parts.append(view[run_start:run_end])
            run_start = run_end
            parts.append(with_offset(slot.entry, offset))
    parts.append(view[run_start:run_end])
    return b"".join(parts)


def _moved(directory: bytes, entry: Entry, offset: int) -> bytes:
    at = entry.at
    if offset < MAX32 and directory[at + 42 : at + 46] != b"\xff\xff\xff\xff":
        return directory[at : at + 42] + struct.pack("<I", offset) + directory[at + 46 : entry.end]
    return with_offset(directory[at : entry.end], offset)
