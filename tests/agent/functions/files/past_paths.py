"""Ways to a file past its path: by the file system's number for it, by the kernel's own thread, by another root."""

import ctypes
import mmap
import os
import struct

from by_number import number
from native import CREATE, HERE, call, library
from ways import contents, descriptor, in_child, read, told_by_child, way, ways, write

_OWN_MOUNTS, _BIND, _PRIVATE = 0x20000, 0x1000, 0x44000
_OPENAT = 18
_SUBMISSIONS, _ENTRIES = 0, 0x10000000
_WAIT = 1


@way
def io_uring_openat(at):
    facts = ctypes.create_string_buffer(120)
    ring = number("io_uring_setup", 4, facts)
    try:
        with _mapped(ring, _SUBMISSIONS) as queue, _mapped(ring, _ENTRIES) as entries:
            return _submit(ring, struct.unpack("30I", facts.raw), queue, entries, at.new.encode())
    finally:
        os.close(ring)


def _mapped(ring, offset):
    return mmap.mmap(ring, 4096, flags=mmap.MAP_SHARED, offset=offset)


def _submit(ring, facts, queue, entries, path):
    """One entry into the queue of submissions, and the answer out of that of completions."""
    kept = ctypes.create_string_buffer(path)
    entries[:64] = struct.pack(
        "BBHiQQIIQ", _OPENAT, 0, 0, HERE, 0, ctypes.addressof(kept), 0o600, CREATE, 7
    ).ljust(64, b"\0")
    tail, array, completions = facts[11], facts[16], facts[25]
    struct.pack_into("I", queue, array, 0)
    struct.pack_into("I", queue, tail, 1)
    number("io_uring_enter", ring, 1, 1, _WAIT, None, 0)
    answer = struct.unpack_from("Qi", queue, completions)[1]
    if answer < 0:
        raise OSError(-answer, "openat")
    os.close(answer)


def _handle(at, opening):
    """The file system's own name for the file opens it without a path."""
    handle, mount = ctypes.create_string_buffer(struct.pack("Ii", 128, 0), 136), ctypes.c_int()
    number("name_to_handle_at", HERE, at.secret, handle, ctypes.byref(mount), 0)
    with descriptor(at.base, os.O_RDONLY) as folder:
        return contents(opening(folder, handle))


@ways("handle")
def _handles():
    return {
        "by_name": lambda at: _handle(
            at, lambda folder, handle: call("open_by_handle_at", folder, handle, 0)
        ),
        "by_number": lambda at: _handle(
            at, lambda folder, handle: number("open_by_handle_at", folder, handle, 0)
        ),
    }


@way
def open_tree(at):
    """Another way to a descriptor that only names a place."""
    tree = number("open_tree", HERE, at.denied, 0)
    try:
        return contents(os.open("secret", os.O_RDONLY, dir_fd=tree))
    finally:
        os.close(tree)


@ways("root")
def _views():
    """Each in a child; needs the right to change the root, or to mount, which functions don't have."""
    return {
        "own": lambda at: told_by_child(lambda: _own_root(at)),
        "own_write": lambda at: in_child(lambda: _own_root_write(at)),
        "without_proc": lambda at: told_by_child(lambda: _without_proc(at)),
        "bound_elsewhere": lambda at: told_by_child(lambda: _bind_mount(at)),
    }


def _own_root(at):
    os.chroot(at.area)
    return read("/denied/secret")


def _own_root_write(at):
    os.chroot(at.area)
    write("/denied/new")


def _mount(source, target, flags):
    if library().mount(source.encode(), target.encode(), b"tmpfs", ctypes.c_ulong(flags), None):
        raise OSError(ctypes.get_errno(), "mount")


def _without_proc(at):
    call("unshare", _OWN_MOUNTS)
    _mount("none", "/", _PRIVATE)
    _mount("none", "/proc", 0)
    return read(at.open + "/link")


def _bind_mount(at):
    """The denied folder at another place, where its files' real paths are others."""
    call("unshare", _OWN_MOUNTS)
    _mount("none", "/", _PRIVATE)
    _mount(at.denied, at.open + "/folder", _BIND)
    return read(at.open + "/folder/secret")
