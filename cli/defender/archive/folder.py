"""Source folders as archives: every file, folder and symbolic link below one folder.

Links are members and are never followed out of the folder. How a folder is written is in `folder_write`,
how it is packed in `folder_pack`.
"""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Self

from defender.archive import backup as backups
from defender.archive.folder_changes import PlannedFolder, restoring
from defender.archive.folder_journal import STAGE, roll_back, write_in_place
from defender.archive.folder_pack import pack
from defender.archive.folder_write import write_copy
from defender.archive.model import (
    Add,
    Advance,
    Change,
    Drop,
    Kind,
    Limits,
    Member,
    Replace,
    Restorable,
    Target,
)
from defender.archive.output import check_target
from defender.archive.pieces import stamp
from defender.archive.signatures import refuse_signed
from defender.errors import PackageError, RewriteRefused


class FolderArchive:
    """One folder; files are read when they are asked for."""

    is_folder = True

    def __init__(self, source: Path, limits: Limits) -> None:
        """Scan the folder; an interrupted in-place run is rolled back first."""
        self.source = source
        self.warnings: tuple[str, ...] = ()
        if roll_back(source):
            self.warnings = (f"{source}: an interrupted run was rolled back",)
        self._limits = limits
        found = _scan(source)
        self._members = {name: _member(source, name, status) for name, status in found}
        self._stamps = {name: stamp(status) for name, status in found}

    @property
    def members(self) -> Mapping[str, Member]:
        """All members by name, sorted."""
        return self._members

    @property
    def inflated(self) -> int:
        """Bytes of all files together."""
        return sum(member.size for member in self._members.values() if member.kind is not Kind.FOLDER)

    def path(self, name: str) -> Path:
        """Where a member lies on the disk."""
        return self.source / name

    def read(self, name: str) -> bytes:
        """A file's content, or that of the file inside the folder that a link points to."""
        member = self._members.get(name)
        if member is None or member.kind is Kind.FOLDER:
            raise PackageError("the package has no such file", path=name)
        if member.size > self._limits.member:
            raise PackageError(f"the file has {member.size:,} bytes, which is too many to edit", path=name)
        path = self.path(name)
        if member.kind is Kind.FILE:
            self._refuse_changed(name)
        if member.kind is Kind.SYMLINK and not path.resolve().is_relative_to(self.source.resolve()):
            raise PackageError("the link leads out of the package", path=name)
        try:
            return path.read_bytes()
        except OSError as error:
            raise PackageError(f"can't be read: {error.strerror or error}", path=path) from error

    def _refuse_changed(self, name: str) -> None:
        """Raise PackageError when a member was written to or replaced since the folder was scanned."""
        try:
            now = stamp(self.path(name).lstat())
        except OSError as error:
            raise PackageError(f"can't be read: {error.strerror or error}", path=self.path(name)) from error
        if now != self._stamps[name]:
            raise PackageError("the file changed while it was read", path=self.path(name), hint="run again")

    def refuse_edit(self, name: str) -> None:
        """Raise RewriteRefused where an edit would also change a file elsewhere, or a signed one."""
        member = self._members.get(name)
        if member is None:
            raise RewriteRefused("there is no such file to change", path=name)
        if member.kind is not Kind.FILE:
            raise RewriteRefused(
                "the file is a symbolic link, and what it points to may be shared",
                path=name,
                hint="put the file itself into the package",
            )
        if self.path(name).stat().st_nlink > 1:
            raise RewriteRefused(
                "the file has a second hard link, which an edit would cut off or change",
                path=name,
                hint="make it a file of its own: cp it, and mv the copy over it",
            )
        refuse_signed(self, name)

    def backup(self, names: Iterable[str], root: str = "") -> bytes:
        """Content and permission bits of these members."""
        kept, blobs = [], []
        for name in names:
            data = self.read(name)
            mode = self._members[name].mode
            known = backups.relative(name, root)
            kept.append(backups.Kept(known, len(data), mode=mode, crc=zlib.crc32(data)))
            blobs.append(data)
        return backups.dump(backups.Header(False, tuple(kept)), blobs)

    def restore(
        self, backup: bytes, names: Iterable[str], drop: Iterable[str], root: str = ""
    ) -> Sequence[Change]:
        """The changes that bring `names` back as `backup` has them, and leave `drop` out."""
        return restoring(backup, names, drop, root, self._members)

    def prove(self, changes: Sequence[Change], undo: Callable[[Restorable], Sequence[Change]]) -> None:
        """Raise RewriteRefused unless `undo`, asked about the result, gives the very original back."""
        planned = self._planned().after(changes)
        back = planned.after(undo(planned))
        same = set(back.members) == set(self._members) and all(
            back.members[name].mode == self._members[name].mode and data == self.read(name)
            for name, data in back.fresh.items()
        )
        if not same:
            raise RewriteRefused("the folder could not be given back after embedding", path=self.source)

    def _planned(self) -> PlannedFolder:
        return PlannedFolder(self.source, self._members, self.read)

    def rebased(self, base: FolderArchive, changes: Sequence[Change]) -> list[Change]:
        """The changes that make this folder what `base`, a copy of it, would be with `changes`."""
        after = base._planned().after(changes)
        result: list[Change] = [Drop(name) for name in self._members if name not in after.members]
        for name, member in after.members.items():
            if member.kind is not Kind.FILE:
                continue
            if name not in self._members:
                result.append(Add(name, after.read(name), member.mode))
            elif name in after.fresh or not self._is_copied(base, name):
                data = after.read(name)
                result += [] if data == self.read(name) else [Replace(name, data)]
        return result

    def _is_copied(self, base: FolderArchive, name: str) -> bool:
        """Whether the copy still is one: copying keeps the date, and what was restored has a new one."""
        mine, other = self.path(name).stat(), base.path(name).stat()
        return (mine.st_size, mine.st_mtime_ns) == (other.st_size, other.st_mtime_ns)

    def write(self, changes: Sequence[Change], target: Target, advance: Advance | None = None) -> None:
        """Write the folder with its changes to the target, whole or not at all."""
        check_target(self.source, target)
        planned = self._planned().after(changes)
        for name, member in self._members.items():
            if member.kind is Kind.FILE and (name in planned.fresh or name not in planned.members):
                self._refuse_changed(name)
        if target.as_zip:
            pack(self.source, planned, target, advance)
        elif target.in_place:
            write_in_place(self.source, self._members, planned, durable=target.durable)
        else:
            write_copy(self.source, planned, target, advance)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


def _scan(root: Path) -> list[tuple[str, os.stat_result]]:
    """All members below the folder, sorted by name; PackageError for a folder that can't be listed."""
    stack = [""]
    found = []
    while stack:
        prefix = stack.pop()
        try:
            with os.scandir(root / prefix) as entries:
                children = list(entries)
        except OSError as error:
            raise PackageError(f"can't be read: {error.strerror}", path=root / prefix) from error
        for child in children:
            name = f"{prefix}{child.name}"
            if name == STAGE:
                continue
            found.append((name, child.stat(follow_symlinks=False)))
            if child.is_dir(follow_symlinks=False):
                stack.append(f"{name}/")
    return sorted(found, key=itemgetter(0))


def _member(root: Path, name: str, status: os.stat_result) -> Member:
    """One member; PackageError for what no package can hold."""
    kinds = {stat.S_IFREG: Kind.FILE, stat.S_IFDIR: Kind.FOLDER, stat.S_IFLNK: Kind.SYMLINK}
    kind = kinds.get(stat.S_IFMT(status.st_mode))
    if kind is None:
        raise PackageError("is neither file, folder nor symbolic link", path=root / name)
    return Member(name, kind, stat.S_IMODE(status.st_mode), status.st_size)
