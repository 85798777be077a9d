"""What an archive is to the rest of defender: members, changes, targets, limits. Data and one protocol."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

Advance = Callable[[int, int], None]
"""Called with bytes written so far and bytes in all."""


class Kind(enum.Enum):
    """What a member is."""

    FILE = "file"
    FOLDER = "folder"
    SYMLINK = "symlink"


@dataclass(frozen=True, slots=True)
class Member:
    """One member: its name with forward slashes and none at either end, its permission bits, its bytes."""

    name: str
    kind: Kind
    mode: int
    size: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds against archives made to exhaust the reader; sizes in bytes, inflated."""

    member: int = 512 << 20
    total: int = 64 << 30
    ratio: int = 2000
    """Inflated to compressed size of one member; deflate itself reaches 1,032."""
    members: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Replace:
    """A member's content becomes `data`; place, name, mode and date stay."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Add:
    """A new member at the end."""

    name: str
    data: bytes
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class AddRaw:
    """A new member at the end whose bytes are compressed already; `method` is ZIP's number for it."""

    name: str
    data: bytes
    method: int
    crc: int
    size: int
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Drop:
    """A member is left out."""

    name: str


@dataclass(frozen=True, slots=True)
class RestoreRecord:
    """A ZIP member comes back as the very bytes that it was, behind the members that it followed."""

    name: str
    record: bytes
    entry: bytes
    previous_in_file: str | None
    previous_in_directory: str | None


@dataclass(frozen=True, slots=True)
class RestoreEnd:
    """The end of a ZIP comes back as it was, if all before it does; `bias` is added to offsets."""

    bias: int
    data: bytes


Change = Replace | Add | AddRaw | Drop | RestoreRecord | RestoreEnd


@dataclass(frozen=True, slots=True)
class Target:
    """Where an output goes and how."""

    path: Path
    force: bool = False
    in_place: bool = False
    durable: bool = False
    as_zip: bool = False


class Restorable(Protocol):
    """A package that can be read and held against a backup; also one that is only planned yet."""

    source: Path

    @property
    def members(self) -> Mapping[str, Member]:
        """All members by name, in the archive's own order."""
        ...

    def read(self, name: str) -> bytes:
        """A member's content; PackageError when it can't be read whole or is not what it says."""
        ...

    def restore(
        self, backup: bytes, names: Iterable[str], drop: Iterable[str], root: str = ""
    ) -> Sequence[Change]:
        """The changes that bring `names` back as `backup` has them, and leave `drop` out."""
        ...


class Archive(Restorable, Protocol):
    """A package that can be written anew with changes."""

    is_folder: bool

    @property
    def inflated(self) -> int:
        """Bytes of all files together, inflated."""
        ...

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is valid and unusual."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def refuse_edit(self, name: str) -> None:
        """Raise RewriteRefused or PackageError when that member must not be changed."""
        ...

    def backup(self, names: Iterable[str], root: str = "") -> bytes:
        """What bringing back these members and the archive's own structure takes, as one opaque file.

        In it, names are relative to `root`; `restore` is told where that folder lies then.
        """
        ...

    def prove(self, changes: Sequence[Change], undo: Callable[[Restorable], Sequence[Change]]) -> None:
        """Raise RewriteRefused unless `undo`, asked about the result, gives the very original back.

        Nothing is written: what would be copied is compared by its place, all else by its bytes.
        """
        ...

    def write(self, changes: Sequence[Change], target: Target, advance: Advance | None = None) -> None:
        """Write the archive with its changes to the target, whole or not at all.

        Raises UsageError when the target may not be replaced, PackageError when writing fails.
        """
        ...
