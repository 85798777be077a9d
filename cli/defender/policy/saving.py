"""Writing a small text file whole or not at all, and never over another without being told to.

Packages are written elsewhere; this is for policies and their schema.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from defender.errors import UsageError


def save(texts: Mapping[Path, str], *, force: bool) -> None:
    """Write every text; UsageError, and nothing written, if one can't be or is there already."""
    present = [path for path in texts if os.path.lexists(path)]
    if present and not force:
        raise UsageError("the file is there already", path=present[0], hint="--force replaces it")
    prepared: list[tuple[Path, Path]] = []
    path = Path()
    try:
        for path, text in texts.items():
            target = path.resolve()
            draft = target.with_name(f".{target.name}.{os.getpid()}.new")
            prepared.append((draft, target))
            draft.write_bytes(text.encode())
            if target.exists():
                shutil.copymode(target, draft)
        for draft, target in prepared:
            path = target
            draft.replace(target)
    except OSError as error:
        raise UsageError(f"cannot write: {error.strerror}", path=path) from error
    finally:
        for draft, _ in prepared:
            draft.unlink(missing_ok=True)
