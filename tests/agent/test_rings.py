"""A process that files are opened in through an io_uring of its runtime's: the agent says that it does not protect it.

Node.js 20 has one with UV_USE_IO_URING=1. A ring that a thread of the kernel's polls takes no call to use.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from defender.policy import Effect, Filesystem, Processes

# An io_uring of eight entries, polled or not; then the agent.
CODE = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
parameters = (ctypes.c_uint * 30)()
parameters[2] = {flags}
assert libc.syscall(425, 8, parameters) > 2, ctypes.get_errno()
import twistlock.serverless as agent
print(agent.status, agent.reason)
"""
POLLED, ENTERED = 2, 0
FILES = {"filesystem": Filesystem(effect=Effect.PREVENT, deny=("/srv/secret",))}
PROGRAMS = {"processes": Processes(effect=Effect.PREVENT, block_all=True)}


@pytest.mark.parametrize(
    ("sections", "flags", "status"),
    [(FILES, POLLED, "failed"), (FILES, ENTERED, "enforcing"), (PROGRAMS, POLLED, "enforcing")],
    ids=["files polled", "files entered", "programs polled"],
)
def test_ring(sections: Any, flags: int, status: str, functions: Any, policy_of: Any) -> None:
    run = subprocess.run(
        [sys.executable, "-c", CODE.format(flags=flags)],
        cwd=functions.protected("plain"),
        env={**os.environ, "TW_POLICY": policy_of(**sections)},
        capture_output=True,
        text=True,
        check=True,
    )
    found, _, reason = run.stdout.partition(" ")
    assert found == status
    assert ("unset UV_USE_IO_URING" in reason) == (status == "failed")
    assert ("NOT PROTECTED" in run.stderr) == (status == "failed")
