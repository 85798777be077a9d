"""Programs started by calling the C library, and from native code that is loaded after the agent."""

import ctypes
import importlib.machinery
import importlib.util
import os
import platform

from ways import TOUCH, in_child, in_thread, shell, way, ways

EXECVE, EXECVEAT = {"x86_64": (59, 322), "aarch64": (221, 281)}[platform.machine()]
_AT_FDCWD = -100


def libc():
    return ctypes.CDLL(None, use_errno=True)


def strings(*items):
    return (ctypes.c_char_p * (len(items) + 1))(*items, None)


def touch(marker):
    """The arguments of execve: program, argv, environment."""
    return TOUCH.encode(), strings(TOUCH.encode(), marker.encode()), strings(b"PATH=/usr/bin")


def fail_with_errno(*_):
    """Raise what the C library left in errno: its function returned."""
    raise OSError(ctypes.get_errno(), "the call returned")


@way
def ctypes_system(marker):
    return libc().system(shell(marker).encode())


@way
def ctypes_system_in_thread(marker):
    return in_thread(lambda: libc().system(shell(marker).encode()))


@way
def ctypes_popen(marker):
    library = libc()
    library.popen.restype, library.pclose.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    stream = library.popen(shell(marker).encode(), b"r")
    if not stream:
        fail_with_errno()
    return library.pclose(stream)


@ways("ctypes")
def _execs():
    def in_c(name, arguments):
        return lambda marker: in_child(lambda: fail_with_errno(getattr(libc(), name)(*arguments(marker))))

    program = TOUCH.encode()
    return {
        "execve": in_c("execve", touch),
        "execv": in_c("execv", lambda marker: touch(marker)[:2]),
        "execvp": in_c("execvp", lambda marker: (b"touch", touch(marker)[1])),
        "execvpe": in_c("execvpe", lambda marker: (b"touch", *touch(marker)[1:])),
        "execl": in_c("execl", lambda marker: (program, program, marker.encode(), None)),
        "execlp": in_c("execlp", lambda marker: (b"touch", b"touch", marker.encode(), None)),
        "execle": in_c("execle", lambda marker: (program, program, marker.encode(), None, touch(marker)[2])),
        "fexecve": in_c("fexecve", lambda marker: (os.open(TOUCH, os.O_RDONLY), *touch(marker)[1:])),
        "syscall_execve": in_c("syscall", lambda marker: (EXECVE, *touch(marker))),
        "syscall_execveat": in_c("syscall", lambda marker: (EXECVEAT, _AT_FDCWD, *touch(marker), 0)),
    }


def _posix_spawn(spawn, program, marker):
    child = ctypes.c_int()
    _, arguments, environment = touch(marker)
    error = spawn(ctypes.byref(child), program, None, None, arguments, environment)
    if error:
        raise OSError(error, "the call failed")
    return os.waitpid(child.value, 0)[1]


@way
def ctypes_posix_spawn(marker):
    return _posix_spawn(libc().posix_spawn, TOUCH.encode(), marker)


@way
def ctypes_posix_spawnp(marker):
    return _posix_spawn(libc().posix_spawnp, b"touch", marker)


@way
def ctypes_wordexp(marker):
    words = ctypes.create_string_buffer(64)
    return libc().wordexp(f"$({shell(marker)})".encode(), words, 0)


@way
def ctypes_dlsym(marker):
    library = libc()
    library.dlsym.restype, library.dlsym.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p]
    address = library.dlsym(None, b"system")
    return ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p)(address)(shell(marker).encode())


@way
def ctypes_older_version(marker):
    """The symbol as programs know it that were linked long ago."""
    library, text = libc(), ctypes.c_char_p
    library.dlvsym.restype, library.dlvsym.argtypes = ctypes.c_void_p, [ctypes.c_void_p, text, text]
    version = {"x86_64": b"GLIBC_2.2.5", "aarch64": b"GLIBC_2.17"}[platform.machine()]
    address = library.dlvsym(None, b"posix_spawn", version)
    place, texts = ctypes.c_void_p, ctypes.POINTER(text)
    spawn = ctypes.CFUNCTYPE(ctypes.c_int, place, text, place, place, texts, texts)(address)
    return _posix_spawn(spawn, TOUCH.encode(), marker)


@way
def ctypes_other_namespace(marker):
    """A C library of its own beside the process's, as dlmopen loads it."""
    library = libc()
    library.dlmopen.restype = library.dlsym.restype = ctypes.c_void_p
    library.dlsym.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    handle = library.dlmopen(ctypes.c_long(-1), b"libc.so.6", os.RTLD_NOW)
    address = library.dlsym(handle, b"system")
    return ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p)(address)(shell(marker).encode())


def _constructor(marker):
    os.environ["ATTACK_COMMAND"] = shell(marker)
    try:
        return ctypes.CDLL(os.environ["ATTACK_CONSTRUCTOR"]).attack_answer()
    finally:
        del os.environ["ATTACK_COMMAND"]


@ways("library")
def _library():
    """A shared object that calls by its own relocations, loaded after the start."""

    def load():
        return ctypes.CDLL(os.environ["ATTACK_LIBRARY"], use_errno=True)

    return {
        "system": lambda marker: load().attack_system(shell(marker).encode()),
        "execve": lambda marker: in_child(lambda: fail_with_errno(load().attack_execve(*touch(marker)))),
        "table": lambda marker: load().attack_table(shell(marker).encode()),
        "constructor": _constructor,
    }


@way
def extension_module(marker):
    path = os.environ["ATTACK_EXTENSION"]
    loader = importlib.machinery.ExtensionFileLoader("attack", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("attack", loader))
    return module.system(shell(marker))
