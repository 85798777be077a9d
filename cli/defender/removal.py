"""`remove`: gives back a package as it was, and the restored view on which `embed` starts anew.

What is undone and what is refused is decided in `manifest`.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from defender import manifest as manifests
from defender.archive import Advance, Archive, Target, open_archive
from defender.errors import PackageError, UsageError, VerificationFailed
from defender.report import Report


@contextmanager
def restored(archive: Archive) -> Iterator[Archive]:
    """The archive as it was before any embedding; itself when it carries no manifest.

    A protected package is restored into a temporary place, so that embedding again starts from the very
    bytes that it started from the first time.
    """
    if not manifests.task_roots(archive):
        yield archive
        return
    with tempfile.TemporaryDirectory(prefix="defender-") as folder:
        original = Path(folder) / archive.source.name
        archive.write(manifests.reversal(archive).changes, Target(original))
        with open_archive(original) as opened:
            yield opened


def remove(source: Path, target: Target, expected: str | None, advance: Advance | None = None) -> Report:
    """Write the package as it was before embedding.

    Raises PackageError when it was never embedded, VerificationFailed when what would be restored has not
    the SHA-256 `expected`, RewriteRefused when an edit made since can't be told from ours.
    """
    with open_archive(source) as archive:
        if not manifests.task_roots(archive):
            raise PackageError(f"nothing to remove: the package has no {manifests.NAME}", path=source)
        reversal = manifests.reversal(archive)
        if expected is not None:
            _expect(archive, reversal, expected)
        archive.write(reversal.changes, target, advance)
        digest = None if archive.is_folder else file_sha256(target.path)
    return Report(
        command="remove",
        input=str(source),
        output=str(target.path),
        sha256=digest,
        warnings=reversal.notes,
    )


def file_sha256(path: Path) -> str:
    """Lower-case hexadecimal SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _expect(archive: Archive, reversal: manifests.Reversal, expected: str) -> None:
    """Restore into a temporary place first: nothing may stand at the target unless the hash is right."""
    if archive.is_folder:
        raise UsageError("--expect-sha256 is for ZIP files: a folder has no one hash")
    with tempfile.TemporaryDirectory(prefix="defender-") as folder:
        original = Path(folder) / archive.source.name
        archive.write(reversal.changes, Target(original))
        digest = file_sha256(original)
    if digest != expected.lower():
        raise VerificationFailed(
            f"what would be restored has SHA-256 {digest}, not {expected.lower()}",
            path=archive.source,
            hint="the package was changed after embedding; leave the option out to restore what is left",
        )
