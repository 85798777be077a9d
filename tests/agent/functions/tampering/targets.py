"""What every attack on the agent ends with, and memory that is to be changed."""

import ctypes
import os
import platform

from ways import shell

NUMBERS = {
    "x86_64": {
        "mprotect": 10,
        "munmap": 11,
        "madvise": 28,
        "mremap": 25,
        "mmap": 9,
        "ptrace": 101,
        "process_vm_writev": 311,
        "userfaultfd": 323,
        "openat": 257,
        "openat2": 437,
    },
    "aarch64": {
        "mprotect": 226,
        "munmap": 215,
        "madvise": 233,
        "mremap": 216,
        "mmap": 222,
        "ptrace": 117,
        "process_vm_writev": 271,
        "userfaultfd": 282,
        "openat": 56,
        "openat2": 437,
    },
}[platform.machine()]
OLD, NEW = b"as it was", b"changed !"


def libc():
    return ctypes.CDLL(None, use_errno=True)


def by_number(name, *arguments):
    function = libc().syscall
    function.restype = ctypes.c_long
    wide = [ctypes.c_long(it) if isinstance(it, int) else it for it in arguments]
    return checked(function(ctypes.c_long(NUMBERS[name]), *wide))


def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def start_program(marker):
    """The attack that the policy is there to stop."""
    return os.system(shell(marker))


class Memory:
    """Some memory of this process: where it lies, and whether it was changed from elsewhere."""

    def __init__(self):
        self._buffer = ctypes.create_string_buffer(OLD, len(OLD))
        self.address = ctypes.addressof(self._buffer)

    def tell(self, marker):
        """Leave the marker if it was changed."""
        if self._buffer.raw == NEW:
            with open(marker, "x"):
                pass
        return self._buffer.raw.decode()
