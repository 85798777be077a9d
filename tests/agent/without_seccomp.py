"""Runs a command where seccomp is refused, as some platforms do: the kernel lock can't be put on, all else is the same.

    python without_seccomp.py [--error EPERM|EACCES|EINVAL|ENOSYS] [--allow-no-new-privs] COMMAND...

The refusal is itself a filter, which the command inherits: it fails `seccomp` and the calls of `prctl` that lead to it,
PR_SET_SECCOMP and (unless that is allowed) PR_SET_NO_NEW_PRIVS. Needs no compiler. Who is not root gives up gaining
privileges by setuid programs.
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import os
import platform
import struct

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 22, 38
# By machine: seccomp, prctl.
NUMBERS = {"x86_64": (317, 157), "aarch64": (277, 167)}
# struct seccomp_data: the number, and the lower half of the first argument.
NUMBER, FIRST_ARGUMENT = 0, 16
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, ERROR = 0x7FFF0000, 0x00050000


def program(machine: str, error: int, options: list[int]) -> bytes:
    """Instructions of classic BPF: code, jump if true, jump if false, operand."""
    seccomp, prctl = NUMBERS[machine]
    last = len(options)
    instructions = [
        (LOAD, 0, 0, NUMBER),
        (EQUAL, last + 3, 0, seccomp),
        (EQUAL, 0, last + 1, prctl),
        (LOAD, 0, 0, FIRST_ARGUMENT),
        *((EQUAL, last - i, 0, option) for i, option in enumerate(options)),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, ERROR | error),
    ]
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in instructions)


def refuse(error: int, allow_no_new_privs: bool) -> None:
    """Put the filter on this process and all that come from it. Raises OSError where seccomp is refused already."""
    options = [PR_SET_SECCOMP] if allow_no_new_privs else [PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS]
    instructions = program(platform.machine(), error, options)
    memory = ctypes.create_string_buffer(instructions)
    # struct sock_fprog: a count, and an address that is aligned.
    described = struct.pack("@HP", len(instructions) // 8, ctypes.addressof(memory))
    libc = ctypes.CDLL(None, use_errno=True)
    filters = ctypes.c_ulong(2)
    if libc.prctl(PR_SET_SECCOMP, filters, described, 0, 0) == 0:
        return
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, filters, described, 0, 0):
        raise OSError(ctypes.get_errno(), "no filter may be put in")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--error", default="EPERM", choices=["EPERM", "EACCES", "EINVAL", "ENOSYS"])
    parser.add_argument("--allow-no-new-privs", action="store_true")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    refuse(getattr(errno, given.error), given.allow_no_new_privs)
    command = given.command[given.command[:1] == ["--"] :]
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
