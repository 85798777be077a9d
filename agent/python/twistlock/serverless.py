"""Starts the native core when it is imported, and wraps the function's handler.

Use it as the manual says, as the first thing of the handler's file:

    import twistlock.serverless

    @twistlock.serverless.handler
    def handler(event, context): ...

or as a call, `handler = twistlock.serverless.handler(handler)`. No policy is read or judged here: that is the
core's work. The source is compiled at every cold start (a function's folder is read-only), so it is short, and
it imports what the runtime has loaded anyway, and ctypes. It runs on Python 3.6 and later.
"""

import os
import sys

from . import bootstrap

_FOLDER = os.path.dirname(os.path.abspath(__file__))
# What tw_start answers (defender.h).
_DISABLED = 1
_E_ALREADY = -1


def handler(function):
    """Return `function` wrapped: the core is told when an invocation starts and ends, all else stays as it is.

    What can't be called, and what is wrapped already, comes back as it is.
    """
    try:
        return bootstrap.wrap(function)
    except Exception as error:
        reason = "the handler can't be wrapped: %r" % (error,)
        _complain(reason)
        return bootstrap.refusing(reason) if on_failure == "closed" else function


def is_protected(candidate):
    """Tell whether `candidate` itself is the wrapper that `handler` returns, and not something around it."""
    return getattr(candidate, "__twistlock__", None) is candidate


def _start():
    """Return the status and the reason; raises OSError or ValueError where the core can't start."""
    path = os.path.join(_FOLDER, _library())
    if not os.path.exists(path):
        raise OSError("its library is missing: %s" % path)
    if not _is_whole(path):
        raise OSError("its library is damaged: %s" % path)
    import ctypes

    # A call that gives the interpreter's lock away may wait for it behind busy threads: PyDLL keeps it.
    core = ctypes.PyDLL(path)
    message = ctypes.create_string_buffer(512)
    start, text = core.tw_start_flat, ctypes.c_char_p
    start.argtypes = (text, text, text, text, text, ctypes.c_size_t)
    policy = os.environb.get(b"TW_POLICY")
    runtime = b"python%d.%d" % sys.version_info[:2]
    # Where modules come from: a policy that names the files which may be used does not have to name these.
    folders = [folder for folder in (sys.prefix, sys.base_prefix, *sys.path) if folder.startswith("/")]
    readable = os.fsencode(":".join(folders))
    result = start(policy, os.fsencode(_FOLDER), runtime, readable, message, len(message))
    why = message.value.decode("utf-8", "replace")
    if result < 0 and result != _E_ALREADY:
        raise ValueError(why)
    status = "disabled" if result == _DISABLED else "enforcing"
    if result == _E_ALREADY and bootstrap.status():  # This module was reloaded.
        status = bootstrap.status()
    core.tw_invocation_begin.argtypes = (text,)
    core.tw_invocation_begin.restype = core.tw_invocation_end.restype = None
    bootstrap.connect(core.tw_invocation_begin, core.tw_invocation_end, status)
    return status, why


def _library():
    """Name the core's file for this machine; raise OSError where there is none."""
    system = os.uname() if hasattr(os, "uname") else None
    if system is None or system.sysname != "Linux":
        raise OSError("it runs on Linux only")
    try:
        libc = os.confstr("CS_GNU_LIBC_VERSION")
    except (ValueError, OSError):
        libc = None
    if not libc:
        raise OSError("this Python's C library is not glibc (musl, as in Alpine images, is not supported)")
    return "libdefender-linux-%s" % system.machine


def _is_whole(path):
    """Tell whether the file ends where its ELF header says: the loader dies of a SIGBUS in one that was cut."""
    with open(path, "rb") as library:
        header = library.read(64)
        size = library.seek(0, 2)
    # e_shoff, e_shentsize and e_shnum: the table of sections, which linkers put last.
    table, entry, count = (
        int.from_bytes(header[start:end], "little") for start, end in ((40, 48), (58, 60), (60, 62))
    )
    return header[:4] == b"\x7fELF" and table + entry * count <= size


def _complain(why):
    consequence = "every invocation will fail" if on_failure == "closed" else "the function runs unprotected"
    line = 'defender: NOT PROTECTED: %s; %s (on_failure = "%s")\n' % (why, consequence, on_failure)
    try:
        os.write(2, line.encode("utf-8", "backslashreplace"))
    except OSError:
        return  # Nobody listens, and there is no other place to say it.


# What is to happen where the core can't start: "open" or "closed".
on_failure = "open"
try:
    from ._settings import on_failure
except Exception as error:
    _complain("twistlock/_settings.py can't be read: %r" % (error,))

# `status` is "enforcing", "disabled" (there is nothing to enforce for this function) or "failed"; `reason` says
# why, in one line.
try:
    status, reason = _start()
except Exception as error:
    status, reason = "failed", "the agent could not start: %s" % " ".join(str(error).split())
    _complain(reason)
    if on_failure == "closed":
        bootstrap.refuse("this function may not run unprotected, and %s" % reason)
