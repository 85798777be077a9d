"""Writing an output whole or not at all: temporary file beside the target, then one rename.

Knows no archive format. Every write of this package to a file goes through `write_all` or `copy_range`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from defender.archive.model import Advance, Target
from defender.archive.pieces import New, Piece
from defender.errors import PackageError, UsageError

_CHUNK = 1 << 20
_AT_ONCE = 64 << 20
TEMPORARY = ".defender-"
MANIFEST = Path("twistlock", "defender.json")


def check_target(source: Path, target: Target) -> None:
    """Raise UsageError when the target may not be written: it is there, is the input, or lies in it.

    A folder is replaced only by a folder, and only if defender made it.
    """
    path = target.path
    if not path.parent.is_dir():
        raise UsageError("the output's folder does not exist", path=path.parent)
    if target.in_place:
        return
    if path.exists() and path.samefile(source):
        raise UsageError("the output is the input", path=path, hint="--in-place replaces the input")
    if source.is_dir() and source.resolve() in path.resolve().parents:
        raise UsageError("the output lies inside the input", path=path, hint="choose another folder with -o")
    if not (path.exists() or path.is_symlink()):
        return
    if not target.force:
        raise UsageError("the output exists", path=path, hint="--force replaces it")
    if path.is_dir() and (target.as_zip or not source.is_dir()):
        raise UsageError("the output is a folder, and a ZIP can't replace it", path=path)
    if path.is_dir() and not (path / MANIFEST).is_file():
        raise UsageError(
            "the output is a folder that defender did not make, and --force does not replace those",
            path=path,
            hint="delete it, or choose another with -o",
        )


@contextlib.contextmanager
def temporary_beside(path: Path, *, folder: bool = False) -> Iterator[Path]:
    """A temporary file or folder in the target's directory; gone afterwards unless it was renamed."""
    # The name is known before the file is there: a signal between the two must not leave it.
    temporary = path.parent / f"{TEMPORARY}{secrets.token_hex(8)}"
    try:
        if folder:
            temporary.mkdir(mode=0o700)
        else:
            os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        yield temporary
    except OSError as error:
        raise write_failure(error, path) from error
    finally:
        if folder:
            remove_folder(temporary)
        else:
            temporary.unlink(missing_ok=True)


def remove_folder(folder: Path) -> None:
    """Delete a folder with all that it holds, also what is read-only; what can't be deleted stays."""
    for path, _, _ in os.walk(folder):
        with contextlib.suppress(OSError):
            Path(path).chmod(stat.S_IRWXU)
    shutil.rmtree(folder, ignore_errors=True)


def write_failure(error: OSError, path: Path) -> PackageError:
    """The same failure in words: what, where, and what stays."""
    reason = error.strerror or str(error)
    hint = "free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else None
    return PackageError(f"writing failed: {reason}; no output was left", path=path, hint=hint)


def write_pieces(
    source: int | None, pieces: Sequence[Piece], output: int, advance: Advance | None = None
) -> None:
    """Copy ranges of the file `source` and new bytes to the descriptor `output`, in order."""
    total = sum(map(len, pieces))
    done = 0
    for piece in pieces:
        if isinstance(piece, New):
            write_all(output, piece.data)
            done += len(piece)
        else:
            position = piece.start
            while position < piece.end:
                step = min(piece.end - position, _AT_ONCE)
                copy_range(-1 if source is None else source, position, output, step)
                position += step
                done += step
                if advance is not None:
                    advance(done, total)
    if advance is not None:
        advance(total, total)


def write_all(output: int, data: bytes) -> None:
    """All of `data`, however many calls it takes."""
    view = memoryview(data)
    while view:
        view = view[os.write(output, view[:_AT_ONCE]) :]


def copy_range(source: int, start: int, output: int, size: int) -> None:
    """`size` bytes from `start`, by the kernel where it can; raises OSError, EIO when the source ends."""
    copied = 0
    if hasattr(os, "copy_file_range"):
        try:
            while copied < size:
                step = os.copy_file_range(source, output, size - copied, start + copied)
                if not step:
                    break
                copied += step
        except OSError as error:
            # Other file systems, old kernels: nothing was copied by the failed call itself.
            if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM):
                raise
    while copied < size:
        data = _read_at(source, min(_CHUNK, size - copied), start + copied)
        if not data:
            raise OSError(errno.EIO, "the input became shorter while it was read")
        write_all(output, data)
        copied += len(data)


def _read_at(source: int, size: int, start: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(source, size, start)
    os.lseek(source, start, os.SEEK_SET)
    return os.read(source, size)


def publish(temporary: Path, target: Path, *, durable: bool) -> None:
    """Give a finished file its name; with `durable` it survives a power cut from here on."""
    if durable:
        sync(temporary)
    temporary.replace(target)
    if durable and os.name == "posix":
        sync(target.parent)


def sync(path: Path) -> None:
    """Write a file or folder through to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
