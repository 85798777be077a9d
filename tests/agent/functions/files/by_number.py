"""Denied files reached through the C library's `syscall`, with the call's number."""

import ctypes
import os
import platform
import stat
import struct

from native import CREATE, HERE, call
from ways import close, contents, descriptor, in_child, ways

_ON_BOTH = {"openat2": 437, "fchmodat2": 452, "open_tree": 428, "io_uring_setup": 425, "io_uring_enter": 426}
NUMBERS = {
    "x86_64": {
        **{
            "open": 2,
            "truncate": 76,
            "rename": 82,
            "mkdir": 83,
            "rmdir": 84,
            "creat": 85,
            "link": 86,
            "unlink": 87,
        },
        **{"symlink": 88, "chmod": 90, "chown": 92, "lchown": 94, "mknod": 133, "bind": 49, "openat": 257},
        **{"mkdirat": 258, "mknodat": 259, "fchownat": 260, "unlinkat": 263, "renameat": 264, "linkat": 265},
        **{
            "symlinkat": 266,
            "fchmodat": 268,
            "name_to_handle_at": 303,
            "open_by_handle_at": 304,
            "renameat2": 316,
        },
    },
    "aarch64": {
        **{"mknodat": 33, "mkdirat": 34, "unlinkat": 35, "symlinkat": 36, "linkat": 37, "renameat": 38},
        **{
            "truncate": 45,
            "fchmodat": 53,
            "fchownat": 54,
            "openat": 56,
            "bind": 200,
            "name_to_handle_at": 264,
        },
        **{"open_by_handle_at": 265, "renameat2": 276},
    },
}[platform.machine()] | _ON_BOTH


def number(name, *arguments):
    """Call the kernel by number; every argument travels as a whole register."""
    whole = (ctypes.c_long(item) if isinstance(item, int) else item for item in arguments)
    return call("syscall", ctypes.c_long(NUMBERS[name]), *whole)


@ways("syscall")
def _by_descriptor():
    regular = stat.S_IFREG | 0o600
    return {
        "openat": lambda at: contents(number("openat", HERE, at.secret, os.O_RDONLY)),
        "openat_create": lambda at: close(number("openat", HERE, at.new, CREATE, 0o600)),
        "openat2": lambda at: contents(number("openat2", HERE, at.secret, struct.pack("QQQ", 0, 0, 0), 24)),
        "openat2_create": lambda at: close(
            number("openat2", HERE, at.new, struct.pack("QQQ", CREATE, 0o600, 0), 24)
        ),
        "openat2_in_root": _in_root,
        "truncate": lambda at: number("truncate", at.secret, 3),
        "mkdirat": lambda at: number("mkdirat", HERE, at.new, 0o700),
        "mknodat": lambda at: number("mknodat", HERE, at.new, regular, 0),
        "unlinkat": lambda at: number("unlinkat", HERE, at.secret, 0),
        "renameat": lambda at: number("renameat", HERE, at.secret, HERE, at.mine),
        "renameat2": lambda at: number("renameat2", HERE, at.secret, HERE, at.mine, 0),
        "linkat": lambda at: number("linkat", HERE, at.secret, HERE, at.mine, 0),
        "linkat_descriptor": _link_descriptor,
        "symlinkat": lambda at: number("symlinkat", at.plain, HERE, at.new),
        "fchmodat": lambda at: number("fchmodat", HERE, at.secret, 0o777),
        "fchmodat2": lambda at: number("fchmodat2", HERE, at.secret, 0o777, 0),
        "fchmodat2_descriptor": _chmod_descriptor,
        "fchownat": lambda at: number("fchownat", HERE, at.secret, 12, 34, 0),
        "bind": _bind,
        "in_child": lambda at: in_child(lambda: number("openat", HERE, at.new, CREATE, 0o600)),
    }


def _in_root(at):
    """A path that starts at the root, which is a descriptor's folder here."""
    with descriptor(at.area) as area:
        return contents(number("openat2", area, "/denied/secret", struct.pack("QQQ", 0, 0, 0x10), 24))


def _link_descriptor(at):
    with descriptor(at.secret) as opened:
        number("linkat", opened, "", HERE, at.mine, 0x1000)  # AT_EMPTY_PATH


def _chmod_descriptor(at):
    with descriptor(at.secret) as opened:
        number("fchmodat2", opened, "", 0o777, 0x1000)  # AT_EMPTY_PATH


def _bind(at):
    address = b"\x01\x00" + at.new.encode() + b"\0"
    server = call("socket", 1, 1, 0)
    try:
        number("bind", server, address, len(address))
    finally:
        os.close(server)


if platform.machine() == "x86_64":

    @ways("syscall")
    def _without_descriptor():
        """Calls that newer machines have no numbers for."""
        regular = stat.S_IFREG | 0o600
        return {
            "open": lambda at: contents(number("open", at.secret, os.O_RDONLY)),
            "open_create": lambda at: close(number("open", at.new, CREATE, 0o600)),
            "creat": lambda at: close(number("creat", at.new, 0o600)),
            "rename": lambda at: number("rename", at.secret, at.mine),
            "mkdir": lambda at: number("mkdir", at.new, 0o700),
            "rmdir": lambda at: number("rmdir", at.empty),
            "link": lambda at: number("link", at.secret, at.mine),
            "unlink": lambda at: number("unlink", at.secret),
            "symlink": lambda at: number("symlink", at.plain, at.new),
            "chmod": lambda at: number("chmod", at.secret, 0o777),
            "chown": lambda at: number("chown", at.secret, 12, 34),
            "lchown": lambda at: number("lchown", at.secret, 12, 34),
            "mknod": lambda at: number("mknod", at.new, regular, 0),
        }
