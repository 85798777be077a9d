"""Children that change their parent, and programs that were allowed and then start another."""

import ctypes
import os
import subprocess
import sys

from image import loaded
from targets import NEW, Memory, by_number, checked, libc
from ways import shell, way, ways

_ATTACH, _POKE, _DETACH = 16, 4, 17
# The number of the call that lets any process trace this one, where only ancestors may.
_SET_TRACER, _ANY = 0x59616D61, -1


class Vector(ctypes.Structure):
    """struct iovec."""

    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


def _write_to(process, address, call):
    kept = ctypes.create_string_buffer(NEW, len(NEW))
    here, there = Vector(ctypes.addressof(kept), len(NEW)), Vector(address, len(NEW))
    return call(process, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)


def write_by_name(process, address):
    checked(_write_to(process, address, libc().process_vm_writev))


def write_by_number(process, address):
    _write_to(process, address, lambda *arguments: by_number("process_vm_writev", *arguments))


def _trace(trace, process, address):
    trace(_ATTACH, process, 0, 0)
    os.waitpid(process, 0x40000000)  # __WALL: the parent is no child of ours.
    try:
        for at in range(0, 16, 8):
            word = (NEW + b"\0" * 7)[at : at + 8]
            trace(_POKE, process, address + at, int.from_bytes(word, sys.byteorder))
    finally:
        trace(_DETACH, process, 0, 0)


def trace_by_name(process, address):
    function = libc().ptrace
    function.restype = ctypes.c_long

    def trace(request, process, at, value):
        checked(function(request, process, ctypes.c_void_p(at), ctypes.c_void_p(value)))

    _trace(trace, process, address)


def trace_by_number(process, address):
    _trace(lambda *arguments: by_number("ptrace", *arguments), process, address)


def _from_fork(write):
    """A thread of the parent's waits for the child while that holds the whole process."""

    def attack(marker):
        memory, parent = Memory(), os.getpid()
        libc().prctl(_SET_TRACER, ctypes.c_long(_ANY), 0, 0, 0)
        child = os.fork()
        if child == 0:
            try:
                write(parent, memory.address)
                os._exit(0)
            except OSError as error:
                os._exit(error.errno)
            finally:
                os._exit(99)
        return [os.waitpid(child, 0)[1], memory.tell(marker)]

    return attack


@way
def memory_given_to_program(marker):
    """An allowed program gets this process's memory as an open file."""
    memory = Memory()
    code = f"import os; os.pwrite(3, {NEW!r}, {memory.address})"
    program = os.path.realpath(sys.executable)
    mem = (os.POSIX_SPAWN_OPEN, 3, f"/proc/{os.getpid()}/mem", os.O_WRONLY, 0)
    child = os.posix_spawn(program, [program, "-S", "-c", code], os.environ, file_actions=[mem])
    os.waitpid(child, 0)
    return memory.tell(marker)


def _from_program(name):
    """The same from a program that is allowed."""

    def attack(marker):
        memory = Memory()
        libc().prctl(_SET_TRACER, ctypes.c_long(_ANY), 0, 0, 0)
        code = f"import from_children as it; it.{name}({os.getpid()}, {memory.address})"
        return [_python(code), memory.tell(marker)]

    return attack


def _python(code, **options):
    options.setdefault("env", dict(os.environ))
    options["env"].setdefault("PYTHONPATH", os.environ["PYTHONPATH"])
    command = [os.path.realpath(sys.executable), "-S", "-c", code]
    return subprocess.run(command, stderr=options.pop("stderr", None), **options).returncode


@way
def write_to_itself(marker):
    memory = Memory()
    write_by_name(os.getpid(), memory.address)
    return memory.tell(marker)


WRITERS = (write_by_name, write_by_number, trace_by_name, trace_by_number)


@ways("fork")
def _forks():
    return {write.__name__: _from_fork(write) for write in WRITERS}


@ways("program")
def _programs():
    return {write.__name__: _from_program(write.__name__) for write in WRITERS}


def _attacking(marker):
    return f"import os; os._exit(os.system({shell(marker)!r}) >> 8)"


def _changed(**changes):
    """Start an allowed program with a changed environment; None takes a variable out."""

    def attack(marker):
        kept = {name: value for name, value in os.environ.items() if name not in changes}
        added = {name: value for name, value in changes.items() if value is not None}
        return _python(_attacking(marker), env={**kept, **added})

    return attack


def _grandchild(marker):
    inner = f"import sys, os; os.execve(sys.executable, ['python', '-S', '-c', {_attacking(marker)!r}], {{}})"
    return _python(inner, env={})


def _spawned(marker):
    program = os.path.realpath(sys.executable)
    child = os.posix_spawn(program, ["python", "-S", "-c", _attacking(marker)], {})
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _without_library(marker):
    """The file that is to go with the child is elsewhere while that starts."""
    path = loaded("libdefender")
    if path:
        os.rename(path, path + ".gone")
    try:
        return _python(_attacking(marker), env={})
    finally:
        if path:
            os.rename(path + ".gone", path)


def _with_two(marker):
    """The same variable twice, as only an array of the caller's own can have it."""
    program = os.path.realpath(sys.executable).encode()
    texts = [program, b"-S", b"-c", _attacking(marker).encode()]
    arguments = (ctypes.c_char_p * 5)(*texts, None)
    variables = (ctypes.c_char_p * 4)(b"LD_PRELOAD=", b"LD_PRELOAD=libm.so.6", b"LD_PRELOAD", None)
    child = os.fork()
    if child == 0:
        libc().execve(program, arguments, variables)
        os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@ways("child")
def _scrubbed():
    """An allowed program is started with another environment, and starts one that is not allowed."""
    return {
        "plain": _changed(),
        "without_preload": _changed(LD_PRELOAD=None),
        "with_other_preload": _changed(LD_PRELOAD="libm.so.6"),
        "with_empty_preload": _changed(LD_PRELOAD=""),
        "with_two_preloads": _with_two,
        "without_policy": _changed(TW_POLICY=None),
        "with_other_policy": _changed(TW_POLICY=os.environ.get("ATTACK_POLICY", "")),
        "without_parent": _changed(TW_PARENT=None, TW_POLICY=None),
        "with_other_parent": _changed(TW_PARENT="0", TW_POLICY=os.environ.get("ATTACK_POLICY", "")),
        "without_environment": lambda marker: _python(_attacking(marker), env={}),
        "without_library": _without_library,
        "grandchild": _grandchild,
        "spawned": _spawned,
    }


@ways("loaded_by_child")
def _libraries():
    """An allowed program is made to load a library of the attacker's, and does nothing itself."""

    def loaded(variable, library):
        def attack(marker):
            change = {variable: os.environ[library], "ATTACK_MARKER": marker}
            return _python("pass", env={**os.environ, **change})

        return attack

    return {
        "preload": loaded("LD_PRELOAD", "ATTACK_PRELOADED"),
        "preload_before_all": loaded("LD_PRELOAD", "ATTACK_PRELOADED_FIRST"),
        "audit": loaded("LD_AUDIT", "ATTACK_PRELOADED"),
    }


@way
def around_static_program(marker):
    """A program without a dynamic linker takes no library along."""
    return subprocess.run([os.environ["ATTACK_STATIC"], marker]).returncode
