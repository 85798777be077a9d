"""What changes mean for a folder: contents by name, and the folder as it will be, before it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from defender.archive import backup as backups
from defender.archive.compression import inflated
from defender.archive.model import (
    Add,
    AddRaw,
    Change,
    Drop,
    Kind,
    Member,
    Replace,
    RestoreEnd,
    RestoreRecord,
)
from defender.archive.names import parents
from defender.errors import PackageError, RewriteRefused


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is at a name afterwards: content and permission bits, or nothing."""

    name: str
    data: bytes | None
    mode: int | None
    """None keeps what the file has."""


def outcome(change: Change) -> Outcome:
    """What one change leaves in a folder; RewriteRefused for records that only a ZIP can take."""
    match change:
        case Replace(name, data):
            return Outcome(name, data, None)
        case Add(name, data, mode):
            return Outcome(name, data, mode)
        case AddRaw():
            data = inflated(change.method, change.data, change.size, change.crc, change.name)
            return Outcome(change.name, data, change.mode)
        case Drop(name):
            return Outcome(name, None, None)
        case RestoreRecord() | RestoreEnd():
            raise RewriteRefused("records of a ZIP can't be put into a folder")


def restoring(
    backup: bytes, names: Iterable[str], drop: Iterable[str], root: str, members: Mapping[str, Member]
) -> Sequence[Change]:
    """The changes that bring `names` back as `backup` has them, and leave `drop` out."""
    kept = backups.load(backup)
    gone = tuple(drop)
    changes: list[Change] = [Drop(name) for name in gone]
    for name in names:
        known = backups.relative(name, root)
        data = backups.content(kept, known)
        mode = kept.records[known][0].mode
        stays = name in members and name not in gone
        changes.append(Replace(name, data) if stays else Add(name, data, mode))
    return changes


class PlannedFolder:
    """A folder with changes that were not written yet; reads like the folder that it will become."""

    def __init__(self, source: Path, members: Mapping[str, Member], read: Callable[[str], bytes]) -> None:
        self.source = source
        self.members: dict[str, Member] = dict(members)
        self.fresh: dict[str, bytes] = {}
        self._read = read

    def after(self, changes: Sequence[Change]) -> PlannedFolder:
        """The same with more changes on top."""
        planned = PlannedFolder(self.source, self.members, self._read)
        planned.fresh = dict(self.fresh)
        for result in map(outcome, changes):
            planned.put(result)
        return planned

    def put(self, result: Outcome) -> None:
        """One outcome; folders above a new file come with it."""
        name, old = result.name, self.members.get(result.name)
        if result.data is None:
            if old is None:
                raise RewriteRefused("there is no such file to drop", path=name)
            self.fresh.pop(name, None)
            del self.members[name]
            return
        if old is None and result.mode is None:
            raise RewriteRefused("there is no such file to change", path=name)
        if old is not None and result.mode is not None:
            raise RewriteRefused("the package has a file of this name already", path=name)
        mode = result.mode if result.mode is not None else old.mode if old is not None else 0o644
        for parent in parents(name):
            above = self.members.setdefault(parent, Member(parent, Kind.FOLDER, 0o755, 0))
            if above.kind is not Kind.FOLDER:
                raise RewriteRefused("a file or link stands where a folder is needed", path=parent)
        self.members[name] = Member(name, Kind.FILE, mode, len(result.data))
        self.fresh[name] = result.data

    def read(self, name: str) -> bytes:
        """A file's content, planned or there."""
        if name not in self.members:
            raise PackageError("the package has no such file", path=name)
        return self.fresh[name] if name in self.fresh else self._read(name)

    def restore(
        self, backup: bytes, names: Iterable[str], drop: Iterable[str], root: str = ""
    ) -> Sequence[Change]:
        """The changes that bring `names` back as `backup` has them, and leave `drop` out."""
        return restoring(backup, names, drop, root, self.members)
