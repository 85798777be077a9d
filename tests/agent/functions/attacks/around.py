"""Ways around hooks: the kernel is called directly, or the hooks are taken out first."""

import ctypes
import mmap
import os
import platform
import shutil

from image import Image, loaded
from native import fail_with_errno, libc, touch
from ways import in_child, shell, way

# execve's number into the register for it, the system call, return.
_SYSTEM_CALL = {
    "x86_64": bytes.fromhex("b83b000000 0f05 c3"),
    "aarch64": bytes.fromhex("a81b80d2 010000d4 c0035fd6"),
}[platform.machine()]
_EXECVE = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p)
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
    shutil.copyfile(loaded("libc.so") or loaded("libc-"), copied)
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
    for path in {loaded("libpython"), os.path.realpath("/proc/self/exe")} - {None}:
        image = Image(path)
        for place in image.relocations("execve"):
            page = (image.base + place) & ~0xFFF
            libc().mprotect(ctypes.c_void_p(page), 4096, mmap.PROT_READ | mmap.PROT_WRITE)
            ctypes.c_void_p.from_address(image.base + place).value = address
            count += 1
    return count


def _true_execve():
    image = Image(loaded("libc.so") or loaded("libc-"))
    return image.base + image.symbols()["execve"]
