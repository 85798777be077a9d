"""What a run would do to a package, as data: edits, new files, files left out, settings to make.

`--dry-run` shows the very Plan that `changes` turns into bytes. Nothing here opens or writes a package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from defender.archive import AddRaw, Archive
from defender.edits.splice import Splice, apply_splices, in_order
from defender.errors import RewriteRefused

_T = TypeVar("_T")


def _nothing_to_prove(_: bytes) -> None:
    return None


@dataclass(frozen=True)
class Edit:
    """One file's splices for one rule, why they are made, and the proof of the outcome.

    `prove` gets the file's bytes after all edits and raises RewriteRefused when they do not parse to
    what was predicted.
    """

    path: str
    rule: str
    why: str
    splices: tuple[Splice, ...]
    prove: Callable[[bytes], None] = field(default=_nothing_to_prove, compare=False)


@dataclass(frozen=True, slots=True)
class AddFile:
    """A new file."""

    path: str
    data: bytes
    rule: str
    why: str
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class AddMember:
    """A new file out of the bundle, compressed already."""

    raw: AddRaw
    rule: str
    why: str

    @property
    def path(self) -> str:
        """The file's place in the package."""
        return self.raw.name


@dataclass(frozen=True, slots=True)
class DropFile:
    """A file that must not stay, such as compiled code of an edited source; removal brings it back."""

    path: str
    rule: str
    why: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that was not done because the wanted state is there already."""

    path: str
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Setting:
    """What has to change besides the package before a function runs inside the agent.

    `handler` and `task_root` say which function is meant; `after` is its new handler setting. `made_in` names the
    places of the package that declare it, where the setting was changed in all of them.
    """

    handler: str
    task_root: str
    after: str
    environment: Mapping[str, str]
    made_in: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file's content before and after, and the splices that lead from one to the other."""

    path: str
    before: bytes
    after: bytes
    splices: tuple[Splice, ...]
    edits: tuple[Edit, ...]


@dataclass(frozen=True)
class Plan:
    """All that is to be done to one package; `files` is computed once and proved."""

    edits: tuple[Edit, ...] = ()
    added: tuple[AddFile | AddMember, ...] = ()
    dropped: tuple[DropFile, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    warnings: tuple[str, ...] = ()
    settings: tuple[Setting, ...] = ()

    def plus(self, other: Plan) -> Plan:
        """Both plans as one; what both ask for in the same words is done once."""
        return Plan(
            edits=_both(self.edits, other.edits),
            added=_both(self.added, other.added),
            dropped=_both(self.dropped, other.dropped),
            skipped=_both(self.skipped, other.skipped),
            warnings=_both(self.warnings, other.warnings),
            settings=self.settings + tuple(one for one in other.settings if one not in self.settings),
        )

    @cached_property
    def edited_paths(self) -> tuple[str, ...]:
        """The files that are edited, in the order of their first edit."""
        return tuple(dict.fromkeys(edit.path for edit in self.edits))


def _both(mine: tuple[_T, ...], theirs: tuple[_T, ...]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys(mine + theirs))


def file_changes(archive: Archive, plan: Plan) -> tuple[FileChange, ...]:
    """Every edited file's bytes before and after.

    Raises RewriteRefused when edits overlap, when a result is not what was predicted, or when the
    archive does not allow the file to change; PackageError when a file can't be read.
    """
    changes = []
    for path in plan.edited_paths:
        archive.refuse_edit(path)
        edits = tuple(edit for edit in plan.edits if edit.path == path)
        splices = in_order(splice for edit in edits for splice in edit.splices)
        before = archive.read(path)
        after = apply_splices(before, splices, path)
        for edit in edits:
            edit.prove(after)
        changes.append(FileChange(path, before, after, splices, edits))
    return tuple(changes)


def refuse_collisions(archive: Archive, plan: Plan) -> None:
    """Raise RewriteRefused where a new file would take the place of one that is there and stays."""
    dropped = {drop.path for drop in plan.dropped}
    for new in plan.added:
        if new.path in archive.members and new.path not in dropped:
            raise RewriteRefused(
                "the package has a file of this name already",
                path=new.path,
                hint="rename it, or take it out of the package",
            )
