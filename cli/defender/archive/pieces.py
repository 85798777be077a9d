"""Bytes by position, from a file or from a plan of copied ranges and new bytes.

A plan can be read like the file that it will become, which is how an output is checked before it is
written.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from defender.errors import PackageError


class Bytes(Protocol):
    """Random access to a number of bytes."""

    @property
    def size(self) -> int:
        """How many they are."""
        ...

    def read_at(self, offset: int, size: int) -> bytes:
        """Exactly `size` bytes from `offset`; PackageError when there are fewer."""
        ...


class FileBytes:
    """An open file; positions are its own."""

    def __init__(self, path: Path) -> None:
        """Raises OSError as opening does."""
        self.path = path
        self.descriptor = os.open(
            path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        )
        self._opened = stamp(os.fstat(self.descriptor))
        self.size = os.fstat(self.descriptor).st_size

    def close(self) -> None:
        """Give the descriptor back; closing again does nothing."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def refuse_changed(self) -> None:
        """Raise PackageError when the file is no longer what was opened, or is another one."""
        if stamp(self.path.stat()) != self._opened:
            raise PackageError("the file changed while it was read", path=self.path, hint="run again")

    def read_at(self, offset: int, size: int) -> bytes:
        """Exactly `size` bytes from `offset`; PackageError when there are fewer."""
        data = _pread(self.descriptor, size, offset)
        if len(data) == size:
            return data
        parts = [data]
        have = len(data)
        while have < size:
            data = _pread(self.descriptor, size - have, offset + have)
            if not data:
                raise PackageError("the file ends too early", path=self.path)
            parts.append(data)
            have += len(data)
        return b"".join(parts)


@dataclass(frozen=True, slots=True)
class MemoryBytes:
    """Bytes that are in memory already."""

    data: bytes

    @property
    def size(self) -> int:
        """How many they are."""
        return len(self.data)

    def read_at(self, offset: int, size: int) -> bytes:
        """Exactly `size` bytes from `offset`; PackageError when there are fewer."""
        part = self.data[offset : offset + size]
        if len(part) != size:
            raise PackageError("the file ends too early")
        return part


def stamp(status: os.stat_result) -> tuple[int, int, int]:
    """What tells a file from one that was written to since, or that took its place."""
    return status.st_ino, status.st_size, status.st_mtime_ns


if hasattr(os, "pread"):
    _pread = os.pread
else:  # Windows

    def _pread(descriptor: int, size: int, offset: int) -> bytes:
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, size)


@dataclass(frozen=True, slots=True)
class Copied:
    """Bytes `start:end` of the source."""

    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start

    def part(self, start: int, end: int) -> Copied:
        """A part of this piece."""
        return Copied(self.start + start, self.start + end)


@dataclass(frozen=True, slots=True)
class New:
    """Bytes that the source does not have."""

    data: bytes

    def __len__(self) -> int:
        return len(self.data)

    def part(self, start: int, end: int) -> New:
        """A part of this piece."""
        return New(self.data[start:end])


Piece = Copied | New


def merged(pieces: Iterable[Piece]) -> list[Piece]:
    """The same bytes in as few pieces as possible: neighbouring ranges become one."""
    result: list[Piece] = []
    fresh: list[bytes] = []
    for piece in pieces:
        if not len(piece):
            continue
        if isinstance(piece, New):
            fresh.append(piece.data)
            continue
        if fresh:
            result.append(New(b"".join(fresh)))
            fresh = []
        last = result[-1] if result else None
        if isinstance(last, Copied) and last.end == piece.start:
            result[-1] = Copied(last.start, piece.end)
        else:
            result.append(piece)
    if fresh:
        result.append(New(b"".join(fresh)))
    return result


class PlannedBytes:
    """The bytes that a plan will write, readable before they are written."""

    def __init__(self, source: Bytes, pieces: list[Piece]) -> None:
        self.source = source
        self.pieces = pieces
        self._starts: list[int] = []
        position = 0
        for piece in pieces:
            self._starts.append(position)
            position += len(piece)
        self.size = position

    def read_at(self, offset: int, size: int) -> bytes:
        """Exactly `size` bytes from `offset`; PackageError when there are fewer."""
        if offset < 0 or offset + size > self.size:
            raise PackageError("the planned output ends too early")
        return b"".join(
            piece.data if isinstance(piece, New) else self.source.read_at(piece.start, len(piece))
            for piece in self.slice(offset, offset + size)
        )

    def slice(self, start: int, end: int) -> Iterator[Piece]:
        """The pieces that make up the plan's bytes `start:end`."""
        index = max(bisect_right(self._starts, start) - 1, 0)
        while start < end:
            piece, begin = self.pieces[index], self._starts[index]
            stop = min(end, begin + len(piece))
            if stop > start:
                yield piece.part(start - begin, stop - begin)
            start = max(start, stop)
            index += 1
