"""What was done to a package, written into it, and how it is undone.

The manifest comes from the package and may have been changed with it: it is a hint where to look, never
evidence that something is protected. A file that its owner edited since is never overwritten.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from defender.archive import Change, Kind, Replace, Restorable, absolute, original_data, relative
from defender.edits.splice import put_back, spans_after, take_out
from defender.errors import PackageError, RewriteRefused
from defender.plan import FileChange

FOLDER = "twistlock"
NAME = f"{FOLDER}/defender.json"
BACKUP = f"{FOLDER}/defender.bin"
FORMAT = 1


class Handler(msgspec.Struct, frozen=True):
    """A handler setting before and after."""

    before: str
    after: str


class ProtectedFunction(msgspec.Struct, frozen=True, omit_defaults=True):
    """One function as it was embedded; paths are relative to the manifest's task root."""

    handler: Handler
    file: str
    name: str | None = None
    runtime: str | None = None


class Insertion(msgspec.Struct, frozen=True, omit_defaults=True):
    """Bytes that were inserted, in JSON as base64, and the offset at which they stand in the result.

    `was` is what they took the place of: the value of a handler setting, else nothing.
    """

    at: int
    data: bytes
    was: bytes = b""


class ChangedFile(msgspec.Struct, frozen=True):
    """An edited file: hashes before and after, and what was inserted, in order."""

    path: str
    before: str
    after: str
    rules: tuple[str, ...]
    insertions: tuple[Insertion, ...]


class OtherFile(msgspec.Struct, frozen=True):
    """A file that was added or left out, and its hash."""

    path: str
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """`twistlock/defender.json`: all that was done below one task root."""

    format: int
    tool: str
    bundle: str
    bundle_version: str
    family: str
    functions: tuple[ProtectedFunction, ...]
    changed: tuple[ChangedFile, ...]
    added: tuple[OtherFile, ...]
    dropped: tuple[OtherFile, ...]


def sha256(data: bytes) -> str:
    """Lower-case hexadecimal SHA-256."""
    return hashlib.sha256(data).hexdigest()


def to_json(manifest: Manifest) -> bytes:
    """The manifest's file content: indented, for people who look into the package."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def changed_file(change: FileChange, task_root: str) -> ChangedFile:
    """The record of one edited file."""
    return ChangedFile(
        path=relative(change.path, task_root),
        before=sha256(change.before),
        after=sha256(change.after),
        rules=tuple(dict.fromkeys(edit.rule for edit in change.edits)),
        insertions=tuple(
            Insertion(start, splice.data, change.before[splice.start : splice.end])
            for (start, _), splice in zip(spans_after(change.splices), change.splices, strict=True)
        ),
    )


def task_roots(archive: Restorable) -> tuple[str, ...]:
    """Folders of the archive that carry a manifest; "" is the archive itself."""
    return tuple(
        member.removesuffix(NAME).rstrip("/")
        for member in archive.members
        if member == NAME or member.endswith(f"/{NAME}")
    )


def read(archive: Restorable, task_root: str) -> Manifest:
    """The manifest of one task root; raises PackageError when it is not one of ours."""
    path = posixpath.join(task_root, NAME)
    try:
        manifest = msgspec.json.decode(archive.read(path), type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PackageError(f"the manifest is damaged: {error}", path=path) from error
    if manifest.format != FORMAT:
        raise PackageError(
            f"the manifest has format {manifest.format}, this version knows {FORMAT}",
            path=path,
            hint="use the version of defender that embedded the package, or a newer one",
        )
    for path in _paths(manifest):
        if absolute(path, task_root).startswith(("../", "/")) or "\0" in path:
            raise PackageError(f"the manifest names a file outside of the package: {path!r}")
    return manifest


def _paths(manifest: Manifest) -> Iterable[str]:
    for group in (manifest.changed, manifest.added, manifest.dropped, manifest.functions):
        for entry in group:
            yield entry.file if isinstance(entry, ProtectedFunction) else entry.path


@dataclass(frozen=True, slots=True)
class Reversal:
    """The changes that undo an embedding, and what could not be undone to the byte."""

    changes: tuple[Change, ...]
    notes: tuple[str, ...]


def reversal(archive: Restorable) -> Reversal:
    """The changes that give back the package as it was, all task roots together.

    A file that still is what was written comes back from the backup; one that its owner edited loses
    exactly what was inserted. Raises RewriteRefused, naming the file, when neither is possible;
    PackageError when manifest or backup are damaged.
    """
    changes: list[Change] = []
    notes: list[str] = []
    for root in task_roots(archive):
        manifest = read(archive, root)
        undone = _Undone(archive, root, manifest, _backup(archive, root))
        restored, edited = undone.changed(notes)
        notes += [
            f"set the handler of the function back from {one.handler.after} to {one.handler.before}"
            for one in manifest.functions
            if one.handler.before != one.handler.after
        ]
        back = restored + undone.dropped(notes)
        changes += archive.restore(undone.backup, back, undone.added(notes), root)
        changes += edited
    return Reversal(tuple(changes), tuple(notes))


def _backup(archive: Restorable, root: str) -> bytes:
    path = posixpath.join(root, BACKUP)
    if path not in archive.members:
        raise PackageError("the backup is missing, so nothing can be restored from it", path=path)
    return archive.read(path)


@dataclass(frozen=True, slots=True)
class _Undone:
    """One task root's manifest held against the archive as it is now."""

    archive: Restorable
    root: str
    manifest: Manifest
    backup: bytes

    def changed(self, notes: list[str]) -> tuple[list[str], list[Change]]:
        """Names that come back from the backup, and files that only lose what was inserted."""
        restored: list[str] = []
        edited: list[Change] = []
        for entry in self.manifest.changed:
            path = absolute(entry.path, self.root)
            if path not in self.archive.members:
                notes.append(f"{path}: is gone since embedding, and stays so")
                continue
            now = self.archive.read(path)
            if sha256(now) == entry.after and self._agrees(path, entry, now):
                restored.append(path)
            elif sha256(now) != entry.before:
                edited.append(Replace(path, _without(now, entry.insertions, path)))
                notes.append(f"{path}: was edited since embedding; only what was inserted went")
        return restored, edited

    def _agrees(self, path: str, entry: ChangedFile, now: bytes) -> bool:
        """Whether backup and file differ by the recorded insertions alone: the record may be forged."""
        before = original_data(self.backup, relative(path, self.root))
        inserted = ((one.at, one.data, one.was) for one in entry.insertions)
        if sha256(before) != entry.before or put_back(now, inserted) != before:
            raise RewriteRefused(
                "the backup does not hold what the manifest says",
                path=path,
                hint="take the original package from where it was built",
            )
        return True

    def added(self, notes: list[str]) -> list[str]:
        """Names of ours to drop; a file of ours that was changed since is refused."""
        names = [posixpath.join(self.root, NAME), posixpath.join(self.root, BACKUP)]
        for entry in self.manifest.added:
            path = absolute(entry.path, self.root)
            if path not in self.archive.members:
                notes.append(f"{path}: was gone already")
            elif sha256(self.archive.read(path)) != entry.sha256:
                raise RewriteRefused(
                    "this file of the agent was edited since embedding",
                    path=path,
                    hint="move your edit elsewhere and delete the file, then remove again",
                )
            else:
                names.append(path)
        return names + self._emptied(names)

    def _emptied(self, dropped: list[str]) -> list[str]:
        """The agent's folders themselves, when nobody else has put anything into them; the innermost first."""
        gone = set(dropped)
        emptied = []
        for folder in sorted(
            {one for name in dropped for one in _folders_of(name, self.root)}, key=len, reverse=True
        ):
            member = self.archive.members.get(folder)
            rest = {name for name in self.archive.members if name.startswith(f"{folder}/")} - gone
            if member is not None and member.kind is Kind.FOLDER and not rest:
                emptied.append(folder)
                gone.add(folder)
        return emptied

    def dropped(self, notes: list[str]) -> list[str]:
        """Names that embedding left out and that nobody has put back."""
        names = []
        ours = {one.path for one in self.manifest.added}
        for entry in self.manifest.dropped:
            path = absolute(entry.path, self.root)
            if path in self.archive.members and entry.path not in ours:
                notes.append(f"{path}: is there again, and stays as it is")
            else:
                names.append(path)
        return names


def _folders_of(name: str, root: str) -> list[str]:
    """The folders between a task root and a file below it."""
    parts = relative(name, root).split("/")[:-1]
    return [posixpath.join(root, *parts[: count + 1]) for count in range(len(parts))]


def _without(now: bytes, insertions: Sequence[Insertion], path: str) -> bytes:
    """A file that its owner edited, less the insertions; RewriteRefused where they can't be told from its own."""
    replaced = {one.data: one.was for one in insertions if one.was}
    if any(replaced.get(one.data, b"") != one.was for one in insertions):
        raise RewriteRefused("what was inserted took the place of different things", path=path)
    return take_out(now, [one.data for one in insertions], path, replaced)
