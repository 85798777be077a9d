"""Ways around the hooks: the kernel is asked directly, or functions of the C library at computed addresses."""

import ctypes
import mmap
import os
import platform
import struct

from image import Image, loaded
from native import NUMBERS, by_number, connect_by, prototype
from targets import inet, stream
from ways import way

_NUMBERS = {"io_uring_setup": 425, "io_uring_enter": 426}
_CONNECT = 16


def _machine_code():
    """A function of connect's type: its number into the register for it, the system call, return."""
    number = NUMBERS["connect"]
    if platform.machine() == "x86_64":
        return b"\xb8" + struct.pack("<I", number) + bytes.fromhex("0f05 c3")
    return struct.pack("<3I", 0xD2800008 | number << 5, 0xD4000001, 0xD65F03C0)


@way
def around_machine_code():
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(_machine_code())
    return connect_by(prototype(ctypes.addressof(ctypes.c_char.from_buffer(page))))


def _true(name):
    image = Image(loaded("libc.so") or loaded("libc-"))
    return image.base + image.symbols()[name]


@way
def around_computed_address():
    return connect_by(prototype(_true("connect")))


@way
def around_computed_syscall():
    function = ctypes.CFUNCTYPE(
        ctypes.c_long, ctypes.c_long, ctypes.c_long, ctypes.c_char_p, ctypes.c_long, use_errno=True
    )(_true("syscall"))
    return connect_by(lambda *arguments: function(NUMBERS["connect"], *arguments))


@way
def around_computed_getaddrinfo():
    found = ctypes.c_void_p()
    function = ctypes.CFUNCTYPE(
        ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p
    )(_true("getaddrinfo"))
    return function(b"denied.example", b"7000", None, ctypes.byref(found))


@way
def io_uring_connect():
    """A connection that the kernel makes on behalf of a queue in memory."""
    NUMBERS.update(_NUMBERS)
    facts = ctypes.create_string_buffer(120)
    ring = by_number("io_uring_setup")(4, facts)
    if ring < 0:
        raise OSError(ctypes.get_errno(), "io_uring_setup")
    with stream() as client:
        try:
            return _submit(ring, struct.unpack("30I", facts.raw), client.fileno())
        finally:
            os.close(ring)


def _submit(ring, facts, descriptor):
    """One entry into the queue of submissions, and the answer out of that of completions."""
    queue = mmap.mmap(ring, 4096, flags=mmap.MAP_SHARED, offset=0)
    entries = mmap.mmap(ring, 4096, flags=mmap.MAP_SHARED, offset=0x10000000)
    address = ctypes.create_string_buffer(inet())
    entry = struct.pack("BBHiQQ", _CONNECT, 0, 0, descriptor, 16, ctypes.addressof(address))
    entries[:64] = entry.ljust(64, b"\0")
    tail, array, completions = facts[11], facts[16], facts[25]
    struct.pack_into("I", queue, array, 0)
    struct.pack_into("I", queue, tail, 1)
    by_number("io_uring_enter")(ring, 1, 1, 1, None, 0)
    answer = struct.unpack_from("Qi", queue, completions)[1]
    if answer < 0:
        raise OSError(-answer, "connect")
    return answer
