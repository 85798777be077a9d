"""A peer: what a team might write itself against what the agent stops, with Python's own audit events.

It sees what Python's own functions do. It does not see what machine code does (a wheel's libraries, ctypes), nor a
child after its exec; a symlink or `..` leads past its comparison of paths; and code in the same interpreter can take
away what it compares with.
"""

import os
import sys

DENIED_PATHS = ("/srv/secret/",)
DENIED_ADDRESSES = {"203.0.113.9"}
ALLOWED_PROGRAMS = {"cat"}


def hook(event, arguments):
    """Refuse what the lists above refuse."""
    if event == "open":
        path = arguments[0]
        if isinstance(path, (str, bytes)) and os.path.abspath(os.fsdecode(path)).startswith(DENIED_PATHS):  # noqa: PTH100
            raise PermissionError(13, "denied", path)
    elif event == "socket.connect":
        address = arguments[1]
        if isinstance(address, tuple) and address[0] in DENIED_ADDRESSES:
            raise PermissionError(1, "denied", address[0])
    elif event in {"subprocess.Popen", "os.exec", "os.posix_spawn"}:
        if os.path.basename(os.fsdecode(arguments[0])) not in ALLOWED_PROGRAMS:  # noqa: PTH119
            raise PermissionError(13, "denied", arguments[0])
    elif event == "os.system":
        raise PermissionError(13, "denied", arguments[0])


sys.addaudithook(hook)
