"""Calls of the C library's that start programs, and what they take."""

import ctypes
import os

LIBC = ctypes.CDLL(None, use_errno=True)
SHELL = "/bin/sh"


def strings(*texts):
    """An array that ends in NULL, as exec takes it."""
    return (ctypes.c_char_p * (len(texts) + 1))(*(text.encode() for text in texts), None)


def exec_in_child(call):
    """Run what replaces the process in a fork; return its exit code."""
    child = os.fork()
    if child == 0:
        try:
            call()
        finally:
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
