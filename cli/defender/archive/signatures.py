"""Signed JARs: a file that a signature covers is never changed, since the JAR would no longer verify.

The format is the JAR File Specification's: `META-INF/*.SF` names every file that it covers.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from defender.errors import RewriteRefused

if TYPE_CHECKING:
    from defender.archive.model import Archive

_SIGNATURE_FILE = re.compile(r"META-INF/[^/]+\.SF", re.IGNORECASE)
_PART_OF_ONE = re.compile(r"META-INF/(MANIFEST\.MF|[^/]+\.(SF|RSA|DSA|EC))", re.IGNORECASE)


def refuse_signed(archive: Archive, name: str) -> None:
    """Raise RewriteRefused when one of the archive's signatures covers the file, or it is part of one."""
    for member in archive.members:
        # Most members need no pattern to tell.
        if member[:1] not in "Mm" or not _SIGNATURE_FILE.fullmatch(member):
            continue
        if _PART_OF_ONE.fullmatch(name) or name in _covered(archive.read(member)):
            raise RewriteRefused(
                f"the file is signed ({member})", path=name, hint="embed first, and sign afterwards"
            )


def _covered(signature: bytes) -> set[str]:
    """The names in a signature file; a line that begins with a blank continues the one before."""
    text = re.sub(rb"\r?\n ", b"", signature).decode("utf-8", "replace")
    return {line[6:].strip() for line in text.splitlines() if line.startswith("Name: ")}
