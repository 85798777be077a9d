"""Changing a folder in place: prepared beside, journalled, renamed file by file, rolled back if broken off.

A folder can't be exchanged in one step as a file can. While a journal exists, the folder counts as not yet
changed: the next run puts the old files back. Removing the journal is the one step that makes it new.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from defender.archive.folder_changes import PlannedFolder
from defender.archive.folder_write import copy_file, sync_below, write_file
from defender.archive.model import Kind, Member
from defender.archive.output import remove, sync, sync_last, write_failure
from defender.errors import PackageError

if sys.platform != "win32":
    import fcntl

STAGE = ".defender-stage"
_JOURNAL = "journal.json"


class Step(msgspec.Struct, frozen=True):
    """One file: its new content's hash, if it is to have one, and whether it was there before."""

    name: str
    new: str | None
    existed: bool


class Journal(msgspec.Struct, frozen=True):
    """All steps in order, and the folders that did not exist before, outermost first."""

    steps: tuple[Step, ...]
    made: tuple[str, ...]
    removed: tuple[str, ...] = ()


def write_in_place(
    root: Path, members: Mapping[str, Member], planned: PlannedFolder, *, durable: bool
) -> None:
    """Make the folder what is planned; on any failure it is what it was."""
    gone = [name for name in members if name not in planned.members]
    files = [name for name in gone if members[name].kind is not Kind.FOLDER]
    steps = [Step(name, _hash(data), name in members) for name, data in planned.fresh.items()]
    steps += [Step(name, None, True) for name in files]
    journal = Journal(
        tuple(steps),
        tuple(name for name in sorted(planned.members) if _is_new_folder(name, members, planned)),
        tuple(sorted((name for name in gone if members[name].kind is Kind.FOLDER), reverse=True)),
    )
    with _alone(root):
        _write(root, root / STAGE, journal, planned, durable=durable)


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Keep other runs out of the folder; PackageError while one is in it. A lock ends with its process."""
    if sys.platform == "win32":
        yield
        return
    descriptor = os.open(root, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno == errno.EWOULDBLOCK:
                raise PackageError(
                    "another run is changing this folder", path=root, hint="wait until it has ended"
                ) from error
            # Some network file systems have no locks; there the user has to see to it.
        yield
    finally:
        os.close(descriptor)


def _write(root: Path, stage: Path, journal: Journal, planned: PlannedFolder, *, durable: bool) -> None:
    try:
        _prepare(root, stage, journal, planned, durable=durable)
        _apply(root, stage, journal)
        if durable and os.name == "posix":
            for folder in dict.fromkeys((root, *((root / step.name).parent for step in journal.steps))):
                if folder.is_dir():  # a step may have emptied it, which removes it
                    sync(folder)
        (stage / _JOURNAL).unlink()
    except BaseException as error:
        _roll_back(root, stage)
        if isinstance(error, OSError):
            raise write_failure(error, root) from error
        raise
    remove(stage)
    if durable:
        sync_last(root, root)


def _is_new_folder(name: str, members: Mapping[str, Member], planned: PlannedFolder) -> bool:
    return planned.members[name].kind is Kind.FOLDER and name not in members


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _prepare(root: Path, stage: Path, journal: Journal, planned: PlannedFolder, *, durable: bool) -> None:
    """New and old files in the stage, then the journal under its name, which makes it count."""
    stage.mkdir(mode=0o700)
    for folder in ("new", "old"):
        (stage / folder).mkdir()
    for number, step in enumerate(journal.steps):
        if step.new is not None:
            write_file(stage / "new" / str(number), planned.fresh[step.name], planned.members[step.name].mode)
        if step.existed:
            copy_file(root / step.name, stage / "old" / str(number))
    draft = stage / "draft"
    write_file(draft, msgspec.json.encode(journal), 0o600)
    if durable:
        sync_below(stage)
    draft.rename(stage / _JOURNAL)
    if durable:
        sync(stage)


def _apply(root: Path, stage: Path, journal: Journal) -> None:
    for name in journal.made:
        (root / name).mkdir()
        (root / name).chmod(0o755)
    for number, step in enumerate(journal.steps):
        if step.new is None:
            (root / step.name).unlink()
        else:
            (stage / "new" / str(number)).replace(root / step.name)
    for name in journal.removed:
        (root / name).rmdir()


def roll_back(root: Path) -> bool:
    """Undo what an interrupted run left; whether there was anything to undo.

    Raises PackageError, and changes nothing more, when a file was edited since: the edit is its owner's.
    """
    stage = root / STAGE
    if stage.is_symlink() or not stage.is_dir():
        return False
    with _alone(root):
        return _roll_back(root, stage)


def _roll_back(root: Path, stage: Path) -> bool:
    if stage.is_symlink() or not stage.is_dir():
        return False
    path = stage / _JOURNAL
    if not path.is_file():
        remove(stage)  # the run ended before its first change, or after its last
        return False
    try:
        journal = msgspec.json.decode(path.read_bytes(), type=Journal)
        _refuse_foreign(root, journal)
        _refuse_edited(root, stage, journal)
        _restore(root, stage, journal)
    except (msgspec.DecodeError, OSError) as error:
        raise PackageError(f"an interrupted run can't be rolled back: {error}", path=path) from error
    path.unlink()
    remove(stage)
    return True


def _refuse_foreign(root: Path, journal: Journal) -> None:
    """The journal comes with the folder and may be forged: it must not reach out of it, by name or link."""
    for name in (*(step.name for step in journal.steps), *journal.made, *journal.removed):
        parts = name.split("/")
        above = [root.joinpath(*parts[:count]) for count in range(1, len(parts))]
        if any(part in ("", ".", "..") for part in parts) or any(path.is_symlink() for path in above):
            raise PackageError(
                f"the journal of an interrupted run names a file outside of the folder: {name!r}",
                path=root / STAGE / _JOURNAL,
            )


def _refuse_edited(root: Path, stage: Path, journal: Journal) -> None:
    for number, step in enumerate(journal.steps):
        path, old = root / step.name, stage / "old" / str(number)
        if step.existed and not old.is_file():
            continue  # put back already, by a roll-back that was interrupted itself
        known = {step.new} | ({_hash(old.read_bytes())} if step.existed else set())
        if path.is_file() and _hash(path.read_bytes()) not in known:
            raise PackageError(
                "the file was edited after an interrupted run, which can't be rolled back over it",
                path=path,
                hint=f"{stage / 'old'} holds what was there before: put it back by hand, then delete {stage}",
            )


def _restore(root: Path, stage: Path, journal: Journal) -> None:
    """Old files back under their names. Safe to be interrupted: a step done twice changes nothing."""
    for name in reversed(journal.removed):
        (root / name).mkdir(exist_ok=True)
    for number, step in enumerate(journal.steps):
        old = stage / "old" / str(number)
        if step.existed and old.is_file():
            old.replace(root / step.name)
        elif not step.existed and (root / step.name).is_file():
            (root / step.name).unlink()
    for name in reversed(journal.made):
        folder = root / name
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
