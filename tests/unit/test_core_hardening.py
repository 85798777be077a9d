"""Having something else judged than what starts, and audits that could do harm: agent/core/tests/hardening.c.

Judged by the file that the started program would have made.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
WITHOUT_SECCOMP = (sys.executable, str(ROOT / "tests" / "agent" / "without_seccomp.py"))
SOURCE = ROOT / "agent" / "core" / "tests" / "hardening.c"
TRUE = os.path.realpath("/bin/true")
DENIED_IN_CHILD, DENIED = 13 << 8, 13  # As an exec in a child and posix_spawn report EACCES.

Attempt = Callable[..., tuple[int, bool, list[str]]]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("hardening") / "hardening"
    command = ["cc", "-O1", str(SOURCE), "-o", str(target), "-ldl", "-lpthread"]
    subprocess.run(command, check=True, capture_output=True)
    return target


@pytest.fixture(scope="module")
def library() -> Path:
    command = [sys.executable, str(ROOT / "agent" / "build.py"), "--out", str(ROOT / "build" / "core")]
    subprocess.run(command, check=True, capture_output=True)
    return ROOT / "build" / "core" / f"libdefender-linux-{os.uname().machine}"


@pytest.fixture
def attempt(program: Path, library: Path, tmp_path: Path) -> Attempt:
    """Runs one attempt under a processes section: what it gave, whether the program ran, the audits' attack types."""
    for folder in (tmp_path, *tmp_path.parents[:2]):  # Some run as another user.
        folder.chmod(0o777)

    def run(name: str, before: tuple[str, ...] = (), **processes: Any) -> tuple[int, bool, list[str]]:
        rule = {"name": "r", "processes": processes}
        document = {"v": 1, "id": {"provider": "aws"}, "console": None, "runtime": rule}
        policy = base64.b64encode(json.dumps(document).encode()).decode()
        done = subprocess.run(
            [*before, program, library, tmp_path, name],
            env={"PATH": "/usr/bin:/bin", "TW_POLICY": policy},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
        attacks = [line["attackType"] for line in lines if line["type"] == "processes"]
        return int(done.stdout), (tmp_path / "marker").exists(), attacks

    return run


@pytest.mark.parametrize(
    "processes", [{"block_all": True}, {"deny": ["touch"]}, {"deny": ["curl"]}, {"allow": ["/bin/other"]}]
)
def test_no_free_descriptor(processes: dict[str, Any], attempt: Attempt) -> None:
    """The file can't be opened to be examined, and would start all the same."""
    outcome = attempt("no_descriptors", effect="prevent", **processes)
    assert outcome == (DENIED_IN_CHILD, False, ["explicitlyDeniedProcess"])


def test_script_that_can_not_be_read(attempt: Attempt) -> None:
    outcome = attempt("unreadable_script", effect="prevent", deny=["sh", "dash", "bash", "busybox"])
    assert outcome == (DENIED_IN_CHILD, False, ["explicitlyDeniedProcess"])


def test_script_that_can_not_be_read_runs_otherwise(attempt: Attempt) -> None:
    """The attempt above is a real one."""
    assert attempt("unreadable_script", effect="prevent", crypto_miners=True) == (0, True, [])


@pytest.mark.parametrize("name", ["other_folder", "other_descriptor"])
def test_another_file_in_the_child(name: str, attempt: Attempt) -> None:
    outcome = attempt(name, effect="prevent", allow=[TRUE])
    assert outcome == (DENIED, False, ["explicitlyDeniedProcess"])


@pytest.mark.parametrize("name", ["other_folder", "other_descriptor"])
def test_another_file_in_the_child_runs_otherwise(name: str, attempt: Attempt) -> None:
    assert attempt(name, effect="prevent", crypto_miners=True) == (0, True, [])


@pytest.mark.parametrize(("effect", "started"), [("prevent", False), ("alert", True)])
def test_file_that_becomes_a_program(effect: str, started: bool, attempt: Attempt) -> None:
    """Another thread changes its mode all the time; no kernel lock helps."""
    begun, _, attacks = attempt("becoming_program", WITHOUT_SECCOMP, effect=effect, block_all=True)
    assert begun == started
    assert set(attacks) <= {"explicitlyDeniedProcess"}  # None where it started unseen, under alert.


@pytest.mark.parametrize(("effect", "started"), [("prevent", False), ("alert", True)])
def test_words_that_another_thread_changes(effect: str, started: bool, attempt: Attempt) -> None:
    assert attempt("changing_words", WITHOUT_SECCOMP, effect=effect, block_all=True)[1] == started


def test_thread_with_descriptors_of_its_own(attempt: Attempt) -> None:
    outcome = attempt("other_descriptors", effect="prevent", allow=[TRUE])
    assert outcome == (DENIED, False, ["explicitlyDeniedProcess"])
    assert attempt("other_descriptors", effect="prevent", crypto_miners=True) == (0, True, [])


def test_arguments_that_another_thread_changes(attempt: Attempt) -> None:
    through, _, attacks = attempt("changing_arguments", effect="prevent", crypto_miners=True)
    assert through == 0
    assert set(attacks) <= {"cryptoMinerProcess"}


def test_audit_that_nobody_reads(attempt: Attempt) -> None:
    """Under alert the call's answer is the same, and no signal ends the child."""
    assert attempt("broken_stream", effect="alert", block_all=True)[:2] == (0, True)
