"""Two paths that change places in one step, which POSIX has no call for and Linux and macOS have.

See renameat2(2) with RENAME_EXCHANGE, and renamex_np(2) with RENAME_SWAP. Copies nothing.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_AT_FDCWD = -100
_SWAP = 2
"""RENAME_EXCHANGE and RENAME_SWAP are the same number."""


def exchange(one: Path, other: Path) -> bool:
    """Whether the two changed places; nothing happened when they did not."""
    import ctypes  # takes as long as everything else that a small package needs

    library = ctypes.CDLL(None) if os.name == "posix" else None
    first, second = os.fsencode(one), os.fsencode(other)
    if sys.platform == "darwin" and hasattr(library, "renamex_np"):
        return bool(library.renamex_np(first, second, _SWAP) == 0)
    if sys.platform == "linux" and library is not None and hasattr(library, "renameat2"):
        return bool(library.renameat2(_AT_FDCWD, first, _AT_FDCWD, second, _SWAP) == 0)
    return False
