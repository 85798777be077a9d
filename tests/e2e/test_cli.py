"""Places that outputs can't go to, and streams that can't be written: a message and its exit code, no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]


def command(*arguments: object, stdout: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    line = [sys.executable, "-m", "defender", *map(str, arguments)]
    return subprocess.run(line, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)


def test_a_device_is_not_replaced(defender: Run, package: Path) -> None:
    os.mkfifo("pipe")
    for force in ([], ["--force"]):
        status, out, err = defender("embed", package, "-o", "pipe", *force)
        assert (status, out) == (2, "")
        assert "pipe: the output is a device or the like" in err
    assert Path("pipe").is_fifo()


@pytest.mark.parametrize(
    ("output", "code", "message"),
    [
        ("x" * 300 + ".zip", 2, "File name too long"),
        ("function.zip", 2, "the output is the input"),
        ("function.zip/x", 2, "the output's folder does not exist"),
        (".", 2, "the input lies inside the output"),
        ("", 2, "the input lies inside the output"),
    ],
)
def test_outputs_that_can_t_be(output: str, code: int, message: str, defender: Run, package: Path) -> None:
    before = package.read_bytes()
    status, out, err = defender("embed", package, "-o", output, "--force")
    assert (status, out) == (code, "")
    assert message in err
    assert package.read_bytes() == before
    assert sorted(path.name for path in Path().iterdir()) == ["function.zip"]


def test_an_output_that_is_another_input(defender: Run, package: Path) -> None:
    other = Path("function.protected.zip")
    other.write_bytes(package.read_bytes())
    before = other.read_bytes()
    status, out, err = defender("embed", package, other, "--force")
    assert (status, out) == (2, "")
    assert "which is an input too" in err
    assert other.read_bytes() == before


@pytest.fixture
def nobody(defender: Run, open_to_all: Path) -> Run:
    """The command without root's rights, which no permission bits hold back."""

    def run(*arguments: object) -> tuple[int, str, str]:
        os.chdir(open_to_all)
        if os.geteuid() != 0:
            return defender(*arguments)
        os.setegid(65534)
        os.seteuid(65534)
        try:
            return defender(*arguments)
        finally:
            os.seteuid(0)
            os.setegid(0)

    # Modules are imported when they are needed, and may lie where nobody but root can read them.
    assert defender("embed", "app", "-o", "warm")[0] == 0
    assert defender("embed", "missing")[0] == 3
    return run


@pytest.fixture
def open_to_all(package: Path, folder: Path) -> Path:
    """The working folder, which somebody without rights can reach; pytest keeps its own closed."""
    for above in (package.parent, *package.parent.parents):
        if Path(tempfile.gettempdir()) in above.parents:
            above.chmod(above.stat().st_mode | 0o011)
    return package.parent


def test_a_file_that_may_not_be_read(nobody: Run, package: Path) -> None:
    package.chmod(0)
    status, out, err = nobody("embed", str(package))
    assert (status, out) == (3, "")
    assert "function.zip: can't be read: Permission denied" in err
    assert "Traceback" not in err


def test_an_input_in_a_folder_that_may_not_be_entered(nobody: Run, package: Path) -> None:
    closed = package.parent / "closed"
    closed.mkdir(mode=0o700)
    package.rename(closed / "function.zip")
    status, out, err = nobody("embed", "closed/function.zip")
    closed.chmod(0o755)
    assert (status, out) == (3, "")
    assert "closed/function.zip: can't be read: Permission denied" in err


@pytest.mark.parametrize(("name", "mode"), [("vendor/__init__.py", 0o000), ("vendor", 0o000)])
def test_a_folder_that_may_not_be_read_whole(name: str, mode: int, nobody: Run, folder: Path) -> None:
    (folder / name).chmod(mode)
    Path("results").mkdir()
    Path("results").chmod(0o777)
    status, out, err = nobody("embed", str(folder), "-o", "results/out")
    (folder / name).chmod(0o755)
    assert (status, out) == (3, "")
    assert f"{name}: can't be read: Permission denied" in err
    assert "Traceback" not in err
    assert list(Path("results").iterdir()) == []


@pytest.mark.parametrize("name", ["function.zip", "app"])
def test_a_folder_that_may_not_be_written(name: str, nobody: Run) -> None:
    Path("results").mkdir(mode=0o555)
    status, out, err = nobody("embed", name, "-o", "results/out")
    assert (status, out) == (3, "")
    assert "results/out: writing failed: Permission denied; no output was left" in err
    assert "Traceback" not in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("arguments", [["--json"], []])
def test_stdout_that_can_t_be_written(arguments: list[str], package: Path) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        ended = command("embed", package, *arguments, stdout=full)
    finally:
        os.close(full)
    assert ended.returncode == 3
    assert "output: No space left on device" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "Exception ignored" not in ended.stderr


def test_a_reader_that_goes_away(package: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = command("embed", package, "--quiet", stdout=writing)
    finally:
        os.close(writing)
    assert (ended.returncode, ended.stderr) == (1, "")


def test_names_that_are_no_utf_8(folder: Path) -> None:
    name = os.fsdecode(b"caf\xe9.txt")
    (folder / name).write_bytes(b"x")
    for arguments in (["--json"], ["--dry-run", "--verbose"], ["-o", os.fsdecode(b"o\xff")]):
        ended = subprocess.run(
            [sys.executable, "-m", "defender", "embed", folder, "--force", *arguments],
            capture_output=True,
            check=False,
            env={**os.environ, "PYTHONUTF8": "1"},
        )
        assert ended.returncode == 0, ended.stderr
    assert Path(os.fsdecode(b"o\xff"), name).read_bytes() == b"x"


def test_an_interrupted_run_in_place_is_told_of(defender: Run, folder: Path) -> None:
    stage = folder / ".defender-stage"
    stage.mkdir()
    (stage / "old").mkdir()
    (stage / "journal.json").write_text('{"steps":[],"made":[]}')
    status, _, err = defender("inspect", folder)
    assert status == 0
    assert "an interrupted run was rolled back" in err
    assert not stage.exists()
