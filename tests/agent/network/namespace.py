"""A network and mount namespace of the tests' own, for a thread: what it starts lives in there.

No further program is needed: the kernel is asked by the calls that `unshare`, `mount` and `ip` make.
"""

from __future__ import annotations

import ctypes
import fcntl
import ipaddress
import os
import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
_NEW_MOUNTS, _NEW_NETWORK = 0x20000, 0x40000000
_BIND, _RECURSIVE, _PRIVATE = 0x1000, 0x4000, 0x40000
_GET_FLAGS, _SET_FLAGS, _SET_ADDRESS, _SET_MASK, _GET_INDEX = 0x8913, 0x8914, 0x8916, 0x891C, 0x8933
_UP = 1


def is_possible() -> bool:
    """Whether this process may have namespaces: root may, but not in every container."""
    child = os.fork()
    if child == 0:
        os._exit(_libc().unshare(_NEW_MOUNTS | _NEW_NETWORK) != 0)
    return os.waitpid(child, 0)[1] == 0


class Namespace:
    """A thread in namespaces of its own: with loopback alone, which has more addresses, and other files in /etc."""

    def __init__(self, addresses: Sequence[str], files: Mapping[str, Path]) -> None:
        self._thread = ThreadPoolExecutor(1, "namespace")
        self.run(lambda: _enter(addresses, files))

    def run(self, call: Callable[[], T]) -> T:
        """Make a call in there, and what it starts or opens stays in there."""
        return self._thread.submit(call).result()

    def close(self) -> None:
        """End the thread; the namespaces end with the last process in them."""
        self._thread.shutdown()


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _enter(addresses: Sequence[str], files: Mapping[str, Path]) -> None:
    libc = _libc()
    _checked(libc.unshare(_NEW_MOUNTS | _NEW_NETWORK))
    _checked(libc.mount(b"none", b"/", None, ctypes.c_ulong(_RECURSIVE | _PRIVATE), None))
    for target, source in files.items():
        _checked(libc.mount(os.fsencode(source), target.encode(), None, ctypes.c_ulong(_BIND), None))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as four:
        _bring_up(four)
        index = struct.unpack_from("i", fcntl.ioctl(four, _GET_INDEX, struct.pack("16s24x", b"lo")), 16)[0]
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as six:
            for number, text in enumerate(addresses):
                address = ipaddress.ip_address(text)
                if address.version == 6:
                    fcntl.ioctl(six, _SET_ADDRESS, address.packed + struct.pack("Ii", 128, index))
                else:
                    _add_alias(four, f"lo:{number}".encode(), address.packed)


def _bring_up(four: socket.socket) -> None:
    flags = struct.unpack_from("h", fcntl.ioctl(four, _GET_FLAGS, struct.pack("16sh22x", b"lo", 0)), 16)[0]
    fcntl.ioctl(four, _SET_FLAGS, struct.pack("16sh22x", b"lo", flags | _UP))


def _add_alias(four: socket.socket, name: bytes, packed: bytes) -> None:
    for request, data in ((_SET_ADDRESS, packed), (_SET_MASK, b"\xff" * 4)):
        fcntl.ioctl(four, request, struct.pack("16sH2x4s16x", name, socket.AF_INET, data))
