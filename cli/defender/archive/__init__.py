"""Packages as archives: ZIP files and folders, read and written with only what changed.

The only code that knows the ZIP format. Untouched members are copied as they are, never inflated.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from defender.archive.backup import absolute, original_data, relative
from defender.archive.folder import FolderArchive
from defender.archive.model import (
    Add,
    AddRaw,
    Advance,
    Archive,
    Change,
    Drop,
    Kind,
    Limits,
    Member,
    Replace,
    Restorable,
    Target,
)
from defender.archive.new_zip import new_zip
from defender.archive.output import check_target
from defender.archive.pieces import FileBytes, MemoryBytes
from defender.archive.platform import platform_warnings
from defender.archive.zip_archive import ZipArchive
from defender.errors import PackageError

__all__ = [
    "Add",
    "AddRaw",
    "Advance",
    "Archive",
    "Change",
    "Drop",
    "Kind",
    "Limits",
    "Member",
    "Replace",
    "Restorable",
    "Target",
    "absolute",
    "new_zip",
    "open_archive",
    "open_member",
    "original_data",
    "platform_warnings",
    "raw_members",
    "relative",
    "write_restored",
]


def write_restored(
    opened: Archive, base: Archive, changes: Sequence[Change], target: Target, advance: Advance | None = None
) -> None:
    """Write `base`, which is `opened` as it was before an earlier embedding, with its changes to the target.

    The target is judged by where `opened` lies: `base` may be a copy of it elsewhere. A folder that is
    changed in place changes in one step from what it is now, and not by way of the copy.
    """
    check_target(opened.source, target)
    if (
        target.in_place
        and isinstance(opened, FolderArchive)
        and isinstance(base, FolderArchive)
        and base is not opened
    ):
        opened.write(opened.rebased(base, changes), target, advance)
    else:
        base.write(changes, target, advance)


def raw_members(archive: Archive, names: Iterable[str]) -> tuple[AddRaw, ...]:
    """Members of a ZIP as they are compressed in it, for putting into another package."""
    if not isinstance(archive, ZipArchive):
        raise PackageError("a bundle has to be a ZIP file", path=archive.source)
    return tuple(archive.raw(name) for name in names)


def open_archive(path: Path, limits: Limits = Limits()) -> Archive:  # noqa: B008 - frozen
    """A ZIP file or a folder as an archive; PackageError when it is neither, or can't be read."""
    try:
        if path.is_dir():
            return FolderArchive(path, limits)
        if path.exists() and not path.is_file():
            raise PackageError("is neither a file nor a folder", path=path)
        data = FileBytes(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise PackageError(f"can't be read: {reason}", path=path) from error
    try:
        if not data.size:
            raise PackageError("the file is empty", path=path)
        return ZipArchive(path, data, limits)
    except BaseException:
        data.close()
        raise


def open_member(archive: Archive, name: str) -> Archive:
    """A ZIP that lies in a package, such as a jar, for reading; PackageError when it is none, or hostile."""
    return ZipArchive(archive.source / name, MemoryBytes(archive.read(name)), Limits())
