"""From a ZIP's entries and changes to the pieces of the new file: copied ranges and new bytes.

Pure: reads of the old file only the records of members that change. Members keep their places; new ones
come last. Thousands of untouched members cost one copied range and four patched bytes each.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from defender.archive.compression import packed
from defender.archive.model import Add, AddRaw, Change, Drop, Replace, RestoreEnd, RestoreRecord
from defender.archive.names import parents
from defender.archive.pieces import Copied, New, Piece, merged
from defender.archive.records import MAX32, Built, End, Entry, build, build_end, rebuild, with_offset
from defender.errors import PackageError, RewriteRefused

_FULL = b"\xff\xff\xff\xff"


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
class _Fresh:
    """A member whose bytes are not copied; its offset is known once the file is laid out."""

    name: str
    built: Built
    offset: int = 0


@dataclass
class _Order:
    """Fresh members between the old ones: what follows which. Old members are known by number."""

    contents: Contents
    first: list[_Fresh] = field(default_factory=list)
    after: dict[int, list[_Fresh]] = field(default_factory=dict)
    last: list[_Fresh] = field(default_factory=list)

    def insert_all(self, pending: dict[str, tuple[_Fresh, str | None]]) -> None:
        """Put members behind those that they followed, each after its predecessor was put back."""
        while pending:
            ready = [name for name, (_, previous) in pending.items() if previous not in pending]
            for name in ready or list(pending):
                self._insert(*pending.pop(name))

    def _insert(self, fresh: _Fresh, previous: str | None) -> None:
        """Put a member behind the one that it followed; at the end when that one is gone."""
        for group in (self.first, *self.after.values(), self.last):
            for place, other in enumerate(group):
                if other.name == previous:
                    group.insert(place + 1, fresh)
                    return
        if previous is None:
            self.first.insert(0, fresh)
        elif previous in self.contents.index:
            self.after.setdefault(self.contents.index[previous], []).insert(0, fresh)
        else:
            self.last.append(fresh)


@dataclass
class _Edits:
    """The changes sorted by what they do to the old members."""

    dropped: set[int]
    replaced: dict[int, _Fresh]
    in_file: _Order
    in_directory: _Order
    end: RestoreEnd | None = None


def lay_out(contents: Contents, changes: Sequence[Change], record_of: Callable[[int], bytes]) -> list[Piece]:
    """The pieces of the archive with all changes made.

    `record_of` gives the old record of an entry. Raises RewriteRefused for changes that contradict each
    other or the archive.
    """
    edits = _sorted(contents, changes, record_of)
    offsets = [0] * len(contents.entries)
    pieces = list(_file(contents, edits, offsets))
    position = sum(map(len, pieces))
    bias = contents.end.bias if edits.end is None else edits.end.bias
    directory, count = _directory(contents, edits, offsets, bias)
    old_end = contents.end.data if edits.end is None else edits.end.data
    tail = build_end(old_end, count, len(directory), position, bias)
    return merged([*pieces, New(directory), New(tail)])


def _sorted(contents: Contents, changes: Sequence[Change], record_of: Callable[[int], bytes]) -> _Edits:
    dropped = {_old(contents, change.name) for change in changes if isinstance(change, Drop)}
    edits = _Edits(dropped, {}, _Order(contents), _Order(contents))
    added: set[str] = set()
    inserted: dict[str, tuple[RestoreRecord, _Fresh]] = {}
    for change in changes:
        match change:
            case Replace(name, data):
                old = _old(contents, name)
                edits.replaced[old] = _Fresh(name, _rebuilt(contents, old, data, record_of))
            case RestoreRecord(name):
                fresh = _Fresh(name, Built(change.record, change.entry))
                if contents.index.get(name, -1) in {-1, *dropped}:
                    _refuse_blocked(contents, dropped, name)
                    inserted[name] = change, fresh
                else:
                    edits.replaced[contents.index[name]] = fresh
            case Add(name) | AddRaw(name):
                if name in added or contents.index.get(name, -1) not in {-1, *dropped}:
                    raise RewriteRefused("the package has a file of this name already", path=name)
                added.add(name)
                fresh = _Fresh(name, _built(change))
                edits.in_file.last.append(fresh)
                edits.in_directory.last.append(fresh)
                _refuse_blocked(contents, dropped, name)
            case RestoreEnd():
                edits.end = change
    edits.in_file.insert_all({name: (new, one.previous_in_file) for name, (one, new) in inserted.items()})
    edits.in_directory.insert_all(
        {name: (new, one.previous_in_directory) for name, (one, new) in inserted.items()}
    )
    return edits


def _old(contents: Contents, name: str) -> int:
    if name not in contents.index:
        raise RewriteRefused("there is no such member to change", path=name)
    return contents.index[name]


def _refuse_blocked(contents: Contents, dropped: set[int], name: str) -> None:
    """Raise RewriteRefused where a file or link has the name of a folder that a new member needs."""
    for parent in parents(name):
        old = contents.index.get(parent)
        if old is not None and old not in dropped and not contents.entries[old].is_folder:
            raise RewriteRefused("a file or link stands where a folder is needed", path=parent)


def _rebuilt(contents: Contents, old: int, data: bytes, record_of: Callable[[int], bytes]) -> Built:
    entry = contents.entries[old]
    old_entry = contents.directory[entry.at : entry.end]
    return rebuild(old_entry, record_of(old), packed(data, contents.names[old]), len(data), zlib.crc32(data))


def _built(change: Add | AddRaw) -> Built:
    name = change.name.encode()
    if isinstance(change, AddRaw):
        return build(name, (change.method, change.data), change.size, change.crc, change.mode)
    return build(
        name, packed(change.data, change.name), len(change.data), zlib.crc32(change.data), change.mode
    )


def _file(contents: Contents, edits: _Edits, offsets: list[int]) -> Iterator[Piece]:
    """The pieces in front of the directory; fills in where each member's record comes to lie."""
    entries, extents = contents.entries, contents.extents
    first = entries[contents.file_order[0]].offset if contents.file_order else contents.end.at
    position = run_start = run_end = first
    yield Copied(0, position)

    def fresh(members: Iterable[_Fresh]) -> Iterator[Piece]:
        nonlocal position
        for member in members:
            member.offset = position
            position += len(member.built.record)
            yield New(member.built.record)

    yield from fresh(edits.in_file.first)
    special = edits.dropped | edits.replaced.keys() | edits.in_file.after.keys()
    shift = position - run_start
    for old in contents.file_order:
        if old not in special:
            offsets[old] = entries[old].offset + shift
            run_end = extents[old]
            continue
        if old not in edits.dropped and old not in edits.replaced:
            offsets[old] = entries[old].offset + shift
            run_end = extents[old]
        position = run_end + shift
        yield Copied(run_start, run_end)
        if old in edits.replaced:
            yield from fresh([edits.replaced[old]])
        yield from fresh(edits.in_file.after.get(old, ()))
        run_start = run_end = extents[old]
        shift = position - run_start
    position = run_end + shift
    yield Copied(run_start, run_end)
    yield from fresh(edits.in_file.last)


def _directory(contents: Contents, edits: _Edits, offsets: list[int], bias: int) -> tuple[bytes, int]:
    """All entries with their new offsets, and their number."""
    patched = bytearray(contents.directory)
    wide = _patch(contents, edits, offsets, bias, patched)
    parts: list[bytes | memoryview] = []
    view = memoryview(patched)
    count = len(contents.entries) - len(edits.dropped)

    def fresh(members: Iterable[_Fresh]) -> None:
        nonlocal count
        for member in members:
            parts.append(with_offset(member.built.entry, _offset(member.offset, bias)))
            count += 1

    fresh(edits.in_directory.first)
    start = 0
    special = edits.dropped | edits.replaced.keys() | edits.in_directory.after.keys() | wide.keys()
    for old in sorted(special):
        entry = contents.entries[old]
        parts.append(view[start : entry.at])
        if old in edits.replaced:
            fresh([edits.replaced[old]])
            count -= 1
        elif old not in edits.dropped:
            parts.append(wide.get(old, view[entry.at : entry.end]))
        fresh(edits.in_directory.after.get(old, ()))
        start = entry.end
    parts.append(view[start:])
    fresh(edits.in_directory.last)
    return b"".join(parts), count


def _patch(
    contents: Contents, edits: _Edits, offsets: list[int], bias: int, patched: bytearray
) -> dict[int, bytes]:
    """Write new offsets into the copied directory; what needs ZIP64's wide field is returned instead."""
    wide: dict[int, bytes] = {}
    write = struct.Struct("<I").pack_into
    gone = edits.dropped | edits.replaced.keys()
    same_bias = bias == contents.end.bias
    lowest = min((position for old, position in enumerate(offsets) if old not in gone), default=bias)
    _offset(lowest, bias)
    for old, (entry, position) in enumerate(zip(contents.entries, offsets, strict=True)):
        if (position == entry.offset and same_bias) or old in gone:
            continue
        offset, at = position - bias, entry.at
        if offset < MAX32 and (patched[at + 45] != 0xFF or patched[at + 42 : at + 46] != _FULL):
            write(patched, at + 42, offset)
        else:
            wide[old] = with_offset(contents.directory[at : entry.end], offset)
    return wide


def _offset(position: int, bias: int) -> int:
    if position < bias:
        raise PackageError("a member would lie in front of the archive's start")
    return position - bias
