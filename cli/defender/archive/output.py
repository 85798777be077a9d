"""Writing an output whole or not at all: temporary file beside the target, then one rename.

Knows no archive format. Every write of this package to a file goes through `write_all` or `copy_range`.
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from defender.archive.model import Advance, Target
from defender.archive.pieces import New, Piece
from defender.errors import PackageError, UsageError

_AT_ONCE = 64 << 20
_PAGE = 4096
# Small enough to stay in the processor's cache between reading and writing.
_BUFFER = 128 << 10
_WINDOW = 1 << 20
TEMPORARY = ".defender-"
MANIFEST = Path("twistlock", "defender.json")


def check_target(source: Path, target: Target) -> None:
    """Raise UsageError when the target may not be written: it is there, is the input, or lies in it.

    A folder is replaced only by a folder, and only if defender made it; a device never is.
    """
    try:
        _check_target(source, target)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"the output can't be written: {reason}", path=target.path) from error


def _check_target(source: Path, target: Target) -> None:
    path = target.path
    if not path.parent.is_dir():
        raise UsageError("the output's folder does not exist", path=path.parent)
    if target.in_place:
        return
    if path.exists() and path.samefile(source):
        raise UsageError("the output is the input", path=path, hint="--in-place replaces the input")
    parent = path.parent.resolve()  # a link at `path` itself would be replaced, not followed
    if source.is_dir() and source.resolve() in (parent, *parent.parents):
        raise UsageError("the output lies inside the input", path=path, hint="choose another folder with -o")
    if Path(os.path.realpath(path)) in source.resolve().parents:
        raise UsageError("the input lies inside the output", path=path, hint="choose another folder with -o")
    if os.path.lexists(path):
        _refuse_replacing(source, target)


def _refuse_replacing(source: Path, target: Target) -> None:
    path = target.path
    if not (path.is_file() or path.is_dir() or path.is_symlink()):
        raise UsageError("the output is a device or the like, which is not replaced", path=path)
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
        remove(temporary)


def remove(path: Path) -> None:
    """Delete a file, a link, or a folder with all that it holds, also what is read-only.

    What can't be deleted stays, and so does what links point to. An interruption comes afterwards.
    """
    try:
        _remove(path)
    except KeyboardInterrupt:
        _remove(path)
        raise


def _remove(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        with contextlib.suppress(OSError):
            path.unlink()
        return
    for folder, _, _ in os.walk(path):
        with contextlib.suppress(OSError):
            Path(folder).chmod(stat.S_IRWXU)
    shutil.rmtree(path, ignore_errors=True)


def write_failure(error: OSError, path: Path) -> PackageError:
    """The same failure in words: what, where, and what stays."""
    reason = error.strerror or str(error)
    hint = "free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else None
    return PackageError(f"writing failed: {reason}; no output was left", path=path, hint=hint)


def write_pieces(source: int, pieces: Sequence[Piece], output: int, advance: Advance | None = None) -> None:
    """Copy ranges of the file `source` and new bytes to the empty file `output`, in order."""
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
                copy_range(source, position, output, done, step)
                position += step
                done += step
                if advance is not None:
                    advance(done, total)
    if advance is not None:
        advance(total, total)


def write_all(output: int, data: bytes | memoryview) -> None:
    """All of `data`, however many calls it takes."""
    view = memoryview(data)
    while view:
        view = view[os.write(output, view[:_AT_ONCE]) :]


def copy_range(source: int, start: int, output: int, position: int, size: int) -> None:
    """`size` bytes from `start` to the output's `position`, where it stands; OSError when there are fewer.

    The kernel copies whole pages: it is asked only where they stay whole. What is shifted by some bytes goes
    through a mapping, which takes one copy less than a buffer, or through a buffer where that can't be had.
    """
    copied = 0
    if hasattr(os, "copy_file_range") and (start - position) % _PAGE == 0:
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
    if hasattr(mmap, "MAP_POPULATE"):
        _copy_mapped(source, start + copied, output, size - copied)
        return
    buffer = memoryview(bytearray(min(_BUFFER, size - copied)))
    while copied < size:
        count = _read_into(source, buffer[: size - copied], start + copied)
        if not count:
            raise _too_short()
        write_all(output, buffer[:count])
        copied += count


def _copy_mapped(source: int, start: int, output: int, size: int) -> None:
    """The same through windows of the file, filled at once; the memory is the kernel's own and small."""
    end = start + size
    while start < end:
        base = start - start % mmap.ALLOCATIONGRANULARITY
        length = min(base + _WINDOW, end) - base
        try:
            window = mmap.mmap(
                source, length, mmap.MAP_SHARED | mmap.MAP_POPULATE, mmap.PROT_READ, offset=base
            )
            write_all(output, memoryview(window)[start - base :])
        except ValueError as error:
            raise _too_short() from error
        except OSError as error:
            # Only the kernel reads the window: of a file that was cut off it says so instead of a signal.
            raise _too_short() if error.errno == errno.EFAULT else error from None
        start = base + length


def _too_short() -> OSError:
    return OSError(errno.EIO, "the input became shorter while it was read")


def _read_into(source: int, buffer: memoryview, start: int) -> int:
    if hasattr(os, "preadv"):
        return os.preadv(source, [buffer], start)
    os.lseek(source, start, os.SEEK_SET)
    data = os.read(source, len(buffer))
    buffer[: len(data)] = data
    return len(data)


def publish(temporary: Path, target: Path, *, durable: bool) -> None:
    """Give a finished file its name; with `durable` it survives a power cut from here on."""
    if durable:
        sync(temporary)
    temporary.replace(target)
    if durable:
        sync_last(target.parent, target)


def sync_last(folder: Path, target: Path) -> None:
    """Write a folder's names through, after which nothing is to come; PackageError says what is there."""
    if os.name != "posix":
        return  # Windows can't open folders
    try:
        sync(folder)
    except OSError as error:
        reason = error.strerror or str(error)
        raise PackageError(f"was written, and may not survive a power cut: {reason}", path=target) from error


def sync(path: Path) -> None:
    """Write a file or folder through to the disk."""
    # Windows syncs only what is open for writing.
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
