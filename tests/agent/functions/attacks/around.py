"""Ways around hooks: the kernel is called directly, or the hooks are taken out first."""

import ctypes
import mmap
import os
import platform
import shutil
import struct

from native import fail_with_errno, libc, touch
from ways import in_child, shell, way

# execve's number into the register for it, the system call, return.
_SYSTEM_CALL = {
    "x86_64": bytes.fromhex("b83b000000 0f05 c3"),
    "aarch64": bytes.fromhex("a81b80d2 010000d4 c0035fd6"),
}[platform.machine()]
_EXECVE = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p)
_DYNAMIC_SYMBOLS, _RELOCATIONS = 11, 4
# C libraries that an earlier event loaded.
_copies = []


@way
def around_raw_system_call(marker):
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(_SYSTEM_CALL)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    return in_child(lambda: fail_with_errno(_EXECVE(address)(*touch(marker))))


@way
def around_computed_address(marker):
    return in_child(lambda: fail_with_errno(_EXECVE(_true_execve())(*touch(marker))))


@way
def around_second_c_library(marker):
    """A copy of the C library calls its own functions, and no hooked one."""
    copied = marker + ".so"
    shutil.copyfile(_loaded("libc.so") or _loaded("libc-"), copied)
    _copies.append(ctypes.CDLL(copied))
    return _copies[-1].system(shell(marker).encode())


@way
def around_second_c_library_again(marker):
    """Looked up anew; an address that was looked up before stays what it is."""
    return _copies[-1]["system"](shell(marker).encode())


@way
def around_restored_table(marker):
    def attack():
        _restore()
        os.execve(touch(marker)[0], [b"touch", marker], {})

    return in_child(attack)


@way
def around_restored_table_for_later(marker):
    return _restore()


def _restore():
    """Put the C library's own address back wherever the interpreter's tables of functions refer to execve."""
    address, count = _true_execve(), 0
    for path in {_loaded("libpython"), os.path.realpath("/proc/self/exe")} - {None}:
        image = Image(path)
        for place in image.relocations("execve"):
            page = (image.base + place) & ~0xFFF
            libc().mprotect(ctypes.c_void_p(page), 4096, mmap.PROT_READ | mmap.PROT_WRITE)
            ctypes.c_void_p.from_address(image.base + place).value = address
            count += 1
    return count


def _true_execve():
    image = Image(_loaded("libc.so") or _loaded("libc-"))
    return image.base + image.symbols()["execve"]


def _maps():
    with open("/proc/self/maps") as maps:
        for line in maps:
            fields = line.split()
            if len(fields) > 5:
                yield int(fields[0].split("-")[0], 16), fields[5]


def _loaded(name):
    return next((path for _, path in _maps() if name in os.path.basename(path)), None)


class Image:
    """A loaded ELF file: where it lies, its dynamic symbols and relocations."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self._data = file.read()
        self.base = next(start for start, mapped in _maps() if mapped == path)
        if struct.unpack_from("<H", self._data, 16)[0] == 2:  # ET_EXEC: addresses are absolute.
            self.base = 0
        start, size, count = struct.unpack_from("<Q10xHH", self._data, 40)
        self._sections = [
            struct.unpack_from("<IIQQQQIIQQ", self._data, start + size * i) for i in range(count)
        ]

    def _entries(self, section, form):
        offset, size = section[4], section[5]
        return struct.iter_unpack(form, self._data[offset : offset + size])

    def _names(self):
        symbols = next(section for section in self._sections if section[1] == _DYNAMIC_SYMBOLS)
        strings = self._sections[symbols[6]][4]
        for name, _info, _other, _index, value, _size in self._entries(symbols, "<IBBHQQ"):
            end = self._data.index(b"\0", strings + name)
            yield self._data[strings + name : end].decode(), value

    def symbols(self):
        return {name: value for name, value in self._names() if value}

    def relocations(self, symbol):
        names = [name for name, _ in self._names()]
        for section in self._sections:
            if section[1] == _RELOCATIONS:
                for place, info, _addend in self._entries(section, "<QQq"):
                    if names[info >> 32] == symbol:
                        yield place
