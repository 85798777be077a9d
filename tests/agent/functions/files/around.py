"""Ways around hooks: the kernel is called directly, or by code that no hook is in."""

import ctypes
import mmap
import os
import platform
import shutil
import struct
import subprocess

from native import HERE
from ways import contents, way

# openat's number into the register for it, the system call, return.
_SYSTEM_CALL = {
    "x86_64": bytes.fromhex("b801010000 0f05 c3"),
    "aarch64": bytes.fromhex("080780d2 010000d4 c0035fd6"),
}[platform.machine()]
_OPENAT = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_long, ctypes.c_char_p, ctypes.c_long)
_DYNAMIC_SYMBOLS = 11


@way
def around_raw_system_call(at):
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(_SYSTEM_CALL)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    return contents(_OPENAT(address)(HERE, at.secret.encode(), os.O_RDONLY))


@way
def around_computed_address(at):
    base, path = _c_library()
    return contents(_OPENAT(base + _symbol(path, "openat"))(HERE, at.secret.encode(), os.O_RDONLY))


@way
def around_second_c_library(at):
    """A copy of the C library calls its own functions, and no hooked one."""
    copied = at.mine + ".so"
    shutil.copyfile(_c_library()[1], copied)
    return contents(ctypes.CDLL(copied).open(at.secret.encode(), os.O_RDONLY))


@way
def around_static_program(at):
    """A program that brings its own C library can't be joined by the agent."""
    return subprocess.run([os.environ["FILES_STATIC"], at.secret], capture_output=True, text=True).stdout


def _c_library():
    with open("/proc/self/maps") as maps:
        for fields in map(str.split, maps):
            if len(fields) > 5 and os.path.basename(fields[5]).startswith(("libc.so", "libc-")):
                return int(fields[0].split("-")[0], 16), fields[5]
    raise LookupError("no C library")


def _symbol(path, wanted):
    """Where a function lies in the file's image."""
    with open(path, "rb") as file:
        data = file.read()
    start, size, count = struct.unpack_from("<Q10xHH", data, 40)
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, start + size * index) for index in range(count)]
    table = next(section for section in sections if section[1] == _DYNAMIC_SYMBOLS)
    strings, name = sections[table[6]][4], wanted.encode() + b"\0"
    for at, *_, value, _ in struct.iter_unpack("<IBBHQQ", data[table[4] : table[4] + table[5]]):
        if value and data.startswith(name, strings + at):
            return value
    raise LookupError(wanted)
