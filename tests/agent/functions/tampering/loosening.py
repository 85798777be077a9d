"""Another policy than the first: by the environment, by starting the core again, by a core of one's own."""

import ctypes
import importlib
import os
import shutil
import sys

from image import loaded
from targets import libc, start_program
from ways import way, ways

_loose = os.environ.get("ATTACK_POLICY", "")


def _variables(change):
    def attack(marker):
        before = os.environ.get("TW_POLICY")
        try:
            change()
            return start_program(marker)
        finally:
            if before is not None:
                os.environ["TW_POLICY"] = before

    return attack


@ways("policy")
def _policies():
    name, loose = b"TW_POLICY", _loose.encode()
    return {
        "unset": _variables(lambda: os.environ.pop("TW_POLICY", None)),
        "changed": _variables(lambda: os.environ.update(TW_POLICY=_loose)),
        "unset_in_c": _variables(lambda: libc().unsetenv(name)),
        "changed_in_c": _variables(lambda: libc().setenv(name, loose, 1)),
        "put_in_c": _variables(lambda: libc().putenv(ctypes.create_string_buffer(name + b"=" + loose))),
    }


def _start(core):
    """Start a core with a policy that stops nothing."""
    core.tw_start_flat.argtypes = (ctypes.c_char_p,) * 5 + (ctypes.c_size_t,)
    message = ctypes.create_string_buffer(512)
    return core.tw_start_flat(_loose.encode(), b"/nowhere", b"python", None, message, len(message))


@way
def start_again(marker):
    path = loaded("libdefender")
    if path and _start(ctypes.CDLL(path)) >= 0:
        return "started"
    return start_program(marker)


@way
def start_again_by_reloading(marker):
    """The shim anew, with another variable."""
    before = os.environ.get("TW_POLICY")
    try:
        os.environ["TW_POLICY"] = _loose
        if "twistlock.serverless" in sys.modules:
            importlib.reload(sys.modules["twistlock.serverless"])
        return start_program(marker)
    finally:
        if before is not None:
            os.environ["TW_POLICY"] = before


def _copied(marker):
    shutil.copyfile(os.environ["ATTACK_CORE"], marker + ".core.so")
    return marker + ".core.so"


@way
def second_core(marker):
    """A copy of the agent's own library, which knows nothing of the first."""
    _start(ctypes.CDLL(_copied(marker)))
    return start_program(marker)


@way
def second_core_in_other_namespace(marker):
    loader = libc()
    loader.dlmopen.restype = ctypes.c_void_p
    handle = loader.dlmopen(ctypes.c_long(-1), _copied(marker).encode(), os.RTLD_NOW)
    if not handle:
        raise OSError(0, "not loaded")
    _start(ctypes.CDLL(None, handle=handle))
    return start_program(marker)


@way
def shim_disconnected(marker):
    """The shim no longer tells the core when invocations begin and end: hooks and policy stay."""
    bootstrap = sys.modules.get("twistlock.bootstrap")
    if bootstrap is not None:
        bootstrap._core.clear()
    return start_program(marker)


@way
def library_closed(marker):
    """The agent's library is given back to the linker more often than it was taken."""
    import _ctypes

    path = loaded("libdefender")
    if path:
        handle = ctypes.CDLL(path)._handle
        for _ in range(100):
            try:
                _ctypes.dlclose(handle)
            except OSError:
                break
    return start_program(marker)
