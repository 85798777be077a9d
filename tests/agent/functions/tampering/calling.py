"""The agent's own interface called by hand, and calls that fault within the agent."""

import ctypes
import os

from image import loaded
from targets import by_number, start_program
from ways import way, ways


def _core():
    path = loaded("libdefender")
    if not path:
        return None
    core = ctypes.CDLL(path)
    core.tw_invocation_begin.restype = core.tw_invocation_end.restype = None
    core.tw_drain.restype = ctypes.c_size_t
    return core


def _begin(*texts):
    def attack(marker):
        core = _core()
        for text in texts if core else ():
            core.tw_invocation_begin(text)
        return start_program(marker)

    return attack


def _ends(marker):
    core = _core()
    for _ in range(100 if core else 0):
        core.tw_invocation_end()
    return start_program(marker)


def _drains(marker):
    """The lines that a shim would ship are taken away before and after."""
    core, size = _core(), 1 << 20
    if core is None:
        return start_program(marker)
    buffer = ctypes.create_string_buffer(size)
    for limit in (0, 1, size):
        core.tw_drain(buffer, ctypes.c_size_t(limit))
    answer = start_program(marker)
    core.tw_drain(buffer, ctypes.c_size_t(2**64 - 1))
    return answer


@ways("interface")
def _interface():
    return {
        "begin": _begin(b"\xff\0junk", b"\xff" * 100_000, b'"}\n{"type":"defender"', None),
        "begin_often": _begin(*[b"%d" % number for number in range(1000)]),
        "end": _ends,
        "drain": _drains,
    }


@ways("fault")
def _faults():
    """A handler of SIGSEGV jumps out of the agent, which looked at arguments that are nowhere."""

    def native(call):
        def attack(marker):
            library = ctypes.CDLL(os.environ["ATTACK_FAULTS"])
            library.attack_fault(call)
            return start_program(marker)

        return attack

    return {name: native(number) for number, name in enumerate(("execve", "system", "posix_spawn", "open"))}


@way
def userfaultfd(marker):
    """A descriptor by which one thread holds another where that reads memory; the marker tells that it was had."""
    os.close(by_number("userfaultfd", os.O_CLOEXEC))
    with open(marker, "x"):
        return "had"
