"""A changed folder as a new folder: everything copied, what changed taken from the plan, one rename.

A folder that is replaced changes places with the new one in one step where the system can do that.
"""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from defender.archive.exchange import exchange
from defender.archive.folder_changes import PlannedFolder
from defender.archive.model import Advance, Kind, Target
from defender.archive.output import copy_range, publish, sync, sync_last, temporary_beside, write_all
from defender.errors import PackageError


def write_copy(source: Path, planned: PlannedFolder, target: Target, advance: Advance | None) -> None:
    """The planned folder at the target, which is replaced if it is there; nothing half-written stays."""
    with temporary_beside(target.path, folder=True) as new:
        _fill(source, planned, new, advance)
        if target.durable:
            sync_below(new)
        if not os.path.lexists(target.path):
            publish(new, target.path, durable=target.durable)
        elif not exchange(new, target.path):
            _replace(new, target)
        elif target.durable:
            sync_last(target.path.parent, target.path)


def _replace(new: Path, target: Target) -> None:
    """Two renames, where no exchange is possible: a kill between them leaves the old under another name."""
    with temporary_beside(target.path, folder=True) as old:
        old.rmdir()
        try:
            target.path.rename(old)
            publish(new, target.path, durable=target.durable)
        except BaseException:
            if os.path.lexists(old) and not os.path.lexists(target.path):
                old.rename(target.path)
            raise


def _fill(source: Path, planned: PlannedFolder, new: Path, advance: Advance | None) -> None:
    total = sum(member.size for member in planned.members.values())
    done = 0
    folders = [(source, new)]
    for name, member in sorted(planned.members.items()):
        old_path, path = source / name, new / name
        if member.kind is Kind.FOLDER:
            path.mkdir(exist_ok=True)
            folders.append((old_path, path))
        elif member.kind is Kind.SYMLINK:
            path.symlink_to(old_path.readlink())
        elif name in planned.fresh:
            write_file(path, planned.fresh[name], member.mode)
        else:
            copy_file(old_path, path)
        done += member.size
        if advance is not None:
            advance(done, total)
    # Innermost first: what is written into a folder changes its date.
    for old_path, path in reversed(folders):
        if old_path.is_dir():
            shutil.copystat(old_path, path)
        else:
            path.chmod(0o755)


def sync_below(folder: Path) -> None:
    """Write a folder and all below it through to the disk."""
    for path in (folder, *sorted(folder.rglob("*"))):
        if not path.is_symlink() and (path.is_file() or os.name == "posix"):
            sync(path)


def write_file(path: Path, data: bytes, mode: int) -> None:
    """A new file with these bytes and permission bits."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    try:
        write_all(descriptor, data)
    finally:
        os.close(descriptor)
    path.chmod(mode)


def copy_file(old: Path, new: Path) -> None:
    """A copy with permission bits and date; PackageError when the file can't be read or changes meanwhile."""
    try:
        source = os.open(old, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise PackageError(f"can't be read: {error.strerror or error}", path=old) from error
    try:
        before = os.fstat(source)
        output = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        try:
            copy_range(source, 0, output, 0, before.st_size)
        finally:
            os.close(output)
        after = os.fstat(source)
    finally:
        os.close(source)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise PackageError("the file changed while it was copied", path=old, hint="run again")
    new.chmod(stat.S_IMODE(before.st_mode))
    os.utime(new, ns=(before.st_atime_ns, before.st_mtime_ns))
