"""ZIP packages: read, checked against hostile input, and written with only what changed.

The format's records are in `records`, the order of the new file in `zip_layout`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

from defender.archive import backup as backups
from defender.archive.compression import READABLE, inflated
from defender.archive.model import (
    Add,
    AddRaw,
    Advance,
    Change,
    Drop,
    Kind,
    Limits,
    Member,
    Replace,
    Restorable,
    RestoreEnd,
    RestoreRecord,
    Target,
)
from defender.archive.names import normal_names, refuse_clashes
from defender.archive.output import check_target, publish, temporary_beside, write_pieces
from defender.archive.pieces import Bytes, Copied, FileBytes, New, Piece, PlannedBytes
from defender.archive.records import (
    DESCRIPTOR,
    ENCRYPTED,
    LOCAL,
    MAX16,
    MAX32,
    UTF8,
    Entry,
    archive_comment,
    find_end,
    parse_directory,
    wide_fields,
)
from defender.archive.signatures import refuse_signed
from defender.archive.zip_layout import Contents, lay_out
from defender.errors import PackageError, RewriteRefused

# Header, name and extra field take at most 131,100 bytes, a descriptor 24; alignment gaps are small.
_RECORD_OVERHEAD = 1 << 18
# Below this size no ratio hurts.
_HARMLESS = 1 << 20


class ZipArchive:
    """One ZIP; its members are inflated only when they are read."""

    is_folder = False

    def __init__(self, source: Path, data: Bytes, limits: Limits, *, trusted: bool = False) -> None:
        """Parse and check; `trusted` leaves out what was checked when the bytes were planned."""
        self.source = source
        self._data = data
        self._limits = limits
        self._laid_out: tuple[Sequence[Change], list[Piece]] | None = None
        end = find_end(data, source)
        if end.count > limits.members:
            raise PackageError(f"the archive has {end.count} members, over {limits.members}", path=source)
        directory = data.read_at(end.at, end.size)
        self._entries = parse_directory(directory, end, source)
        self._names = normal_names(self._decoded(), source)
        self._index = {name: number for number, name in enumerate(self._names) if name}
        order = sorted(range(len(self._entries)), key=lambda number: self._entries[number].offset)
        self._contents = Contents(
            self._names, self._entries, order, self._extents(order, end.at), directory, end, self._index
        )
        if not trusted:
            self._check()

    # Reading

    def _decoded(self) -> list[str]:
        """All names as text; those in ASCII, which are the same in every encoding, in one go."""
        raw = [entry.raw_name for entry in self._entries]
        together = b"\n".join(raw)
        if together.isascii() and together.count(b"\n") == len(raw) - 1:
            return together.decode("ascii").split("\n")
        try:
            return [entry[0].decode("utf-8" if entry[1] & UTF8 else "cp437") for entry in self._entries]
        except UnicodeDecodeError as error:
            raise PackageError(f"a member's name is no UTF-8: {error.object!r}", path=self.source) from error

    def _extents(self, order: list[int], end: int) -> list[int]:
        """Where each member's bytes end: with a descriptor and whatever lies in front of the next."""
        extents = [end] * len(order)
        for number, following in pairwise(order):
            extents[number] = self._entries[following].offset
        return extents

    def _check(self) -> None:
        """Raise PackageError unless directory and records agree and no two members share bytes."""
        entries, index = self._entries, self._index
        names = [name for name in self._names if name]
        refuse_clashes(names, lambda name: entries[index[name]].is_folder, self.source)
        total = self.inflated
        if total > self._limits.total:
            raise PackageError(
                f"the archive inflates to {total:,} bytes, over {self._limits.total:,}", path=self.source
            )
        directory, extents, end = self._contents.directory, self._contents.extents, self._contents.end.at
        read_at, ratio = self._data.read_at, self._limits.ratio
        # Entries are taken apart here once: thousands of look-ups by name would take as long as the reading.
        for number, (name, flags, method, _, packed, size, offset, _, at, _) in enumerate(self._entries):
            start = offset + LOCAL.size + len(name)
            if start > end:
                raise self._bad(number, "its record lies outside of the file")
            local = read_at(offset, start - offset)
            # Flags to length of name stand in both, in the same order; sizes only without descriptor.
            same = local[6:28] == directory[at + 8 : at + 30] and local[:4] == b"PK\3\4"
            if not (same and local[30:] == name) or packed >= MAX32 or size >= MAX32:
                self._check_slowly(number, local)
            if size != packed and not method and not flags & ENCRYPTED:
                raise self._bad(number, "it is stored, and has two different sizes")
            if size >= _HARMLESS and size > ratio * packed:
                raise self._bomb(number)
            if start + (local[28] | local[29] << 8) + packed > extents[number]:
                raise self._bad(number, "its data overlaps another member's or the directory")

    def _check_slowly(self, number: int, local: bytes) -> None:
        """The comparison for records with a descriptor or ZIP64 fields, and the reason for a refusal."""
        entry = self._entries[number]
        fields = LOCAL.unpack_from(local)
        if fields[0] != b"PK\3\4":
            raise self._bad(number, "its record is damaged")
        if local[LOCAL.size :] != entry.raw_name or fields[9] != len(entry.raw_name):
            raise self._bad(number, "its record has another name")
        if fields[2] != entry.flags or fields[3] != entry.method:
            raise self._bad(number, "its record has other flags or another method")
        if entry.flags & DESCRIPTOR:
            return
        extra = self._data.read_at(entry.offset + len(local), fields[10])
        size, packed, _ = wide_fields(extra, fields[8], fields[7], 0, self.source)
        if (fields[6], packed, size) != (entry.crc, entry.packed, entry.size):
            raise self._bad(number, "its record has another size or checksum")

    def _bad(self, number: int, reason: str) -> PackageError:
        return PackageError(
            f"the archive is inconsistent: {reason}",
            path=f"{self.source}:{self._names[number]}",
            hint="build the package anew",
        )

    def _bomb(self, number: int) -> PackageError:
        entry = self._entries[number]
        return PackageError(
            f"the file inflates from {entry.packed:,} to {entry.size:,} bytes, which looks like a bomb",
            path=f"{self.source}:{self._names[number]}",
        )

    @cached_property
    def members(self) -> Mapping[str, Member]:
        """All members by name, in the directory's order."""
        return _Members(self._index, self._entries)

    @property
    def inflated(self) -> int:
        """Bytes of all files together, inflated; folders have none."""
        return sum(entry.size for entry in self._entries)

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What is valid and unusual."""
        end = self._contents.end
        wide = end.count >= MAX16 or self._data.size >= MAX32
        return (
            (f"{self.source}: over ZIP's classic limits (ZIP64), which Lambda does not take",) if wide else ()
        )

    def read(self, name: str) -> bytes:
        """A member's content; PackageError when it can't be read whole or is not what it says."""
        if name not in self._index:
            raise PackageError("the package has no such file", path=name)
        entry = self._entries[self._index[name]]
        where = f"{self.source}:{name}"
        if entry.flags & ENCRYPTED:
            raise PackageError(
                "the file is encrypted", path=where, hint="build the package without a password"
            )
        if entry.method not in READABLE:
            raise PackageError(
                f"the file is compressed by method {entry.method}, which we can't read", path=where
            )
        if entry.size > self._limits.member:
            raise self._bomb(self._index[name])
        local = LOCAL.unpack(self._data.read_at(entry.offset, LOCAL.size))
        start = entry.offset + LOCAL.size + local[9] + local[10]
        return inflated(entry.method, self._data.read_at(start, entry.packed), entry.size, entry.crc, where)

    # Changing

    def refuse_edit(self, name: str) -> None:
        """Raise RewriteRefused or PackageError when that member must not be changed."""
        if self.members[name].kind is Kind.SYMLINK:
            raise RewriteRefused(
                "the file is a symbolic link, and what it points to may be shared",
                path=name,
                hint="put the file itself into the package",
            )
        refuse_signed(self, name)

    def backup(self, names: Iterable[str], root: str = "") -> bytes:
        """Raw records of these members, where they stood, and the end of the archive."""
        kept, blobs = [], []
        for name in names:
            number = self._index[name]
            entry = self._entries[number]
            record = self._record(number)
            blobs += [record, self._contents.directory[entry.at : entry.end]]
            in_file, in_directory = (
                None if before is None else backups.relative(self._names[before], root)
                for before in self._previous(number)
            )
            known, mode = backups.relative(name, root), self.members[name].mode
            kept.append(
                backups.Kept(known, len(record), entry.end - entry.at, in_file, in_directory, mode=mode)
            )
        end = self._contents.end
        header = backups.Header(True, tuple(kept), end.bias, len(end.data))
        return backups.dump(header, [*blobs, end.data])

    def _previous(self, number: int) -> tuple[int | None, int | None]:
        """The members in front of one, in the file and in the directory."""
        place = self._contents.file_order.index(number)
        return self._contents.file_order[place - 1] if place else None, number - 1 if number else None

    def _record(self, number: int) -> bytes:
        entry = self._entries[number]
        start = entry.offset
        if self._contents.extents[number] - start > entry.packed + _RECORD_OVERHEAD:
            raise RewriteRefused(
                "behind this member lie many bytes that belong to no member",
                path=f"{self.source}:{self._names[number]}",
                hint="pack the archive anew",
            )
        return self._data.read_at(start, self._contents.extents[number] - start)

    def restore(
        self, backup: bytes, names: Iterable[str], drop: Iterable[str], root: str = ""
    ) -> Sequence[Change]:
        """The changes that bring `names` back as `backup` has them, and leave `drop` out."""
        kept = backups.load(backup)
        changes: list[Change] = [Drop(name) for name in drop]
        for name in names:
            known = backups.relative(name, root)
            if kept.header.is_zip and known in kept.records:
                one, record, entry = kept.records[known]
                in_file, in_directory = (
                    None if before is None else backups.absolute(before, root)
                    for before in (one.previous_in_file, one.previous_in_directory)
                )
                changes.append(RestoreRecord(name, record, entry, in_file, in_directory))
            else:
                data = backups.content(kept, known)
                mode = kept.records[known][0].mode
                changes.append(Replace(name, data) if name in self._index else Add(name, data, mode))
        # A comment that was edited since stays; so does then all else about the end.
        if kept.header.is_zip and archive_comment(kept.end) == archive_comment(self._contents.end.data):
            changes.append(RestoreEnd(kept.header.bias, kept.end))
        return changes

    def prove(self, changes: Sequence[Change], undo: Callable[[Restorable], Sequence[Change]]) -> None:
        """Raise RewriteRefused unless `undo`, asked about the result, gives the very original back."""
        planned = PlannedBytes(self._data, self._pieces(changes))
        after = ZipArchive(self.source, planned, self._limits, trusted=True)
        back = lay_out(after._contents, undo(after), after._record)
        position = 0
        for piece in back:
            pieces = planned.slice(piece.start, piece.end) if isinstance(piece, Copied) else (piece,)
            for part in pieces:
                if not self._is_original(part, position):
                    raise RewriteRefused(
                        "the archive could not be given back bit for bit after embedding",
                        path=self.source,
                        hint="pack it anew with an ordinary ZIP tool",
                    )
                position += len(part)
        if position != self._data.size:
            raise RewriteRefused("a part of the archive would be lost after embedding", path=self.source)

    def _pieces(self, changes: Sequence[Change]) -> list[Piece]:
        """The new file; what was proved is what gets written, laid out once."""
        if self._laid_out is None or self._laid_out[0] is not changes:
            self._laid_out = changes, lay_out(self._contents, changes, self._record)
        return self._laid_out[1]

    def _is_original(self, piece: Piece, position: int) -> bool:
        if isinstance(piece, New):
            return self._data.size >= position + len(piece) and piece.data == self._data.read_at(
                position, len(piece)
            )
        return piece.start == position

    def write(self, changes: Sequence[Change], target: Target, advance: Advance | None = None) -> None:
        """Write the archive with its changes to the target, whole or not at all."""
        check_target(self.source, target)
        if not isinstance(self._data, FileBytes):
            raise PackageError("a planned archive can't be written", path=self.source)
        pieces = self._pieces(changes)
        path = target.path.resolve() if target.in_place else target.path
        with temporary_beside(path) as temporary:
            output = os.open(temporary, os.O_WRONLY | getattr(os, "O_BINARY", 0))
            try:
                write_pieces(self._data.descriptor, pieces, output, advance)
            finally:
                os.close(output)
            self._data.refuse_changed()
            temporary.chmod(stat.S_IMODE(self.source.stat().st_mode))
            if os.name == "nt" and target.in_place:
                self._data.close()  # Windows replaces no file that is open
            publish(temporary, path, durable=target.durable)

    def raw(self, name: str) -> AddRaw:
        """A member as it is compressed here, for putting into another archive."""
        entry = self._entries[self._index[name]]
        local = LOCAL.unpack(self._data.read_at(entry.offset, LOCAL.size))
        start = entry.offset + LOCAL.size + local[9] + local[10]
        data = self._data.read_at(start, entry.packed)
        return AddRaw(name, data, entry.method, entry.crc, entry.size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(self._data, FileBytes):
            self._data.close()


class _Members(Mapping[str, Member]):
    """Members made when they are asked for: most of an archive's never are."""

    def __init__(self, index: Mapping[str, int], entries: Sequence[Entry]) -> None:
        self._index = index
        self._entries = entries

    def __getitem__(self, name: str) -> Member:
        entry = self._entries[self._index[name]]
        kind = Kind.FOLDER if entry.is_folder else Kind.SYMLINK if stat.S_ISLNK(entry.mode) else Kind.FILE
        return Member(name, kind, stat.S_IMODE(entry.mode) or 0o644, entry.size)

    def __contains__(self, name: object) -> bool:
        return name in self._index

    def __iter__(self) -> Iterator[str]:
        return iter(self._index)

    def __len__(self) -> int:
        return len(self._index)
