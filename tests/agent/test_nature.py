"""The shim on every Python of the machine: a handler's nature, what the core is told, syntax and library."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SHIM = Path(__file__).parents[2] / "agent" / "python" / "twistlock"
CASES = Path(__file__).parent / "nature"


@pytest.fixture(scope="module")
def without_core(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shim alone, without a library beside it."""
    folder = tmp_path_factory.mktemp("shim")
    shutil.copytree(SHIM, folder / "twistlock", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    return folder


def test_nature(interpreter: str, without_core: Path) -> None:
    run = subprocess.run(
        [interpreter, "-B", "-W", "error::RuntimeWarning", str(CASES / "cases.py")],
        env={"PYTHONPATH": str(without_core)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert "\nOK\n" in run.stderr
    assert "RuntimeWarning" not in run.stderr


def test_floor_of_syntax_and_library() -> None:
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            "import vermin; vermin.main()",
            "--target=3.6-",
            "--violations",
            "--no-tips",
            str(SHIM),
        ],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout


def test_imports_nothing_that_the_runtime_has_not(interpreter: str, without_core: Path) -> None:
    """What the import adds to a Lambda runtime's modules, but for ctypes, is ours."""
    code = (
        "import sys, functools, json, logging, traceback; before = set(sys.modules)\n"
        "import twistlock.serverless\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    run = subprocess.run(
        [interpreter, "-B", "-c", code], env={"PYTHONPATH": str(without_core)}, capture_output=True, text=True
    )
    ours = ["", "._settings", ".bootstrap", ".serverless", ".transparent"]
    assert run.stdout.split() == [f"twistlock{name}" for name in ours]
