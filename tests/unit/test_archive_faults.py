"""Faults at every call that changes the disk: what was there stays, or what was to come is there whole.

Each write is run again and again, and fails at its first changing call, at its second, and so on until it
gets through. A kill is done to a forked child at the same places.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from defender.archive import Add, Change, Drop, Replace, Target, open_archive
from defender.errors import DefenderError, PackageError

WRITING = (
    *("open", "write", "copy_file_range", "replace", "rename", "mkdir", "symlink", "chmod", "utime"),
    "fsync",
)
REMOVING = ("unlink", "rmdir")
State = dict[str, bytes]


def state(path: Path) -> State:
    """Content by name; for a file under the name of nothing."""
    if path.is_file():
        return {"": path.read_bytes()}
    found: State = {}
    for above, folders, files in os.walk(path):
        for name in (*folders, *files):
            entry = Path(above, name)
            content = b"" if entry.is_dir() else entry.read_bytes()
            found[str(entry.relative_to(path))] = b"%o " % entry.lstat().st_mode + content
    return found


@dataclass
class Job:
    """One way of writing: what is read, where it goes, what stood there before."""

    source: Path
    target: Target

    def run(self) -> None:
        with open_archive(self.source) as archive:
            archive.write(CHANGES, self.target)

    @property
    def where(self) -> Path:
        return self.target.path


CHANGES: Sequence[Change] = (
    Replace("main.py", b"new\n" * 2000),
    Drop("gone.py"),
    Add("twistlock/defender.json", b"{}"),
    Add("twistlock/lib/core.so", b"\x7fELF" * 3000, 0o755),
)
JOBS = [
    *("zip", "zip-durable", "zip-force", "zip-in-place", "folder", "folder-durable", "folder-force"),
    *("folder-in-place", "folder-in-place-durable", "folder-to-zip"),
]


@pytest.fixture(params=JOBS)
def prepare(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Job]:
    """Sets everything up anew, as it was before the first run."""
    kind: str = request.param
    base = tmp_path / "work"

    def make() -> Job:
        shutil.rmtree(base, ignore_errors=True)
        base.mkdir()
        options = {"durable": "durable" in kind, "force": "force" in kind, "in_place": "in-place" in kind}
        if kind.startswith("zip"):
            source, output = base / "in.zip", base / "out.zip"
            with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as archive:
                for name in ("first", "main.py", "gone.py", "last"):
                    archive.writestr(zipfile.ZipInfo(name), name.encode() * 3000)
            if options["force"]:
                output.write_bytes(b"what stood there")
        else:
            source, output = base / "app", base / ("out.zip" if kind.endswith("-zip") else "out")
            (source / "pkg").mkdir(parents=True)
            for name in ("main.py", "gone.py", "pkg/other.py"):
                (source / name).write_bytes(name.encode() * 3000)
            (source / "link").symlink_to("main.py")
            if options["force"]:
                (output / "twistlock").mkdir(parents=True)
                (output / "twistlock/defender.json").write_bytes(b"{}")
        path = source if options["in_place"] else output
        return Job(source, Target(path, as_zip=kind.endswith("-zip"), **options))

    return make


class Faults:
    """Lets the call number `at` fail, of all that change the disk; counts them."""

    def __init__(self, names: Sequence[str], at: int, fail: Callable[[], object], *, late: bool) -> None:
        self.names, self.at, self.fail, self.late = names, at, fail, late
        self.calls = 0
        self.enabled = False

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for name in self.names:
                patch.setattr(os, name, self._failing(getattr(os, name), name))
            self.enabled = True
            yield
        self.enabled = False

    def _failing(self, real: Callable[..., object], name: str) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            reads = name == "open" and not int(str(arguments[1])) & (os.O_WRONLY | os.O_RDWR)
            if not self.enabled or reads:
                return real(*arguments, **options)
            self.calls += 1
            now = self.calls == self.at
            if now and not self.late:
                self.fail()
            result = real(*arguments, **options)
            if now and self.late:
                self.fail()
            return result

        return call


def full() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def broken() -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def interrupted() -> None:
    raise KeyboardInterrupt


def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def leftovers(where: Path) -> list[str]:
    """Temporary names beside the output, and within a folder that was changed in place."""
    return sorted(str(path) for path in where.rglob(".defender-*"))


@pytest.mark.parametrize(
    ("fail", "late"),
    [(full, False), (broken, False), (interrupted, False), (interrupted, True)],
    ids=["full", "broken", "interrupted-before", "interrupted-after"],
)
def test_a_fault_leaves_the_old_or_the_new(
    prepare: Callable[[], Job], fail: Callable[[], object], late: bool
) -> None:
    job = prepare()
    base = job.source.parent
    old = state(job.where)
    job.run()
    new = state(job.where)
    assert old != new
    at = 0
    while True:
        at += 1
        job = prepare()
        faults = Faults(WRITING, at, fail, late=late)
        try:
            with faults():
                job.run()
            ended = None
        except (DefenderError, KeyboardInterrupt) as error:
            ended = error
        possible = {None: [new], KeyboardInterrupt: [old, new]}
        is_told = "was written" in str(ended)
        assert state(job.where) in possible.get(type(ended) if ended else None, [new if is_told else old]), at
        assert leftovers(base) == [], at
        if faults.calls < at:
            break
        if fail is not interrupted and ended is not None and not is_told:
            assert isinstance(ended, PackageError)
            assert os.strerror(errno.ENOSPC if fail is full else errno.EIO) in ended.message
            assert (ended.hint == "free some space") == (fail is full)
    assert at > 4
    assert ended is None


def test_a_kill_leaves_the_old_or_the_new(prepare: Callable[[], Job]) -> None:
    """A kill can leave a temporary `.defender-*` beside the output: nothing in this process can prevent it.

    A stage within a folder that is changed in place goes with the next run, which also rolls back.
    """
    job = prepare()
    old = state(job.where)
    job.run()
    new = state(job.where)
    at = 0
    while True:
        at += 1
        job = prepare()
        if not _is_killed(Faults((*WRITING, *REMOVING), at, killed, late=False), job):
            break
        if job.source.is_dir():
            with open_archive(job.source):
                pass  # which rolls back what was changed in place
        assert state(job.where) in (old, new), at
        if job.target.in_place:
            assert leftovers(job.source) == [], at
        if state(job.where) == old:
            job.run()
        assert state(job.where) == new, at
    assert at > 4


def _is_killed(faults: Faults, job: Job) -> bool:
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException), faults():
            job.run()
            os._exit(0)
        os._exit(1)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "app"
    (root / "pkg").mkdir(parents=True)
    for name in ("main.py", "gone.py", "pkg/other.py"):
        (root / name).write_bytes(name.encode())
    return root


def interrupt(root: Path, at: int) -> None:
    job = Job(root, Target(root, in_place=True))
    assert _is_killed(Faults((*WRITING, *REMOVING), at, killed, late=False), job)


def steps(root: Path) -> int:
    """How many changing calls a run in place takes."""
    copy = root.parent / "copy"
    shutil.copytree(root, copy)
    faults = Faults((*WRITING, *REMOVING), 0, killed, late=False)
    with faults():
        Job(copy, Target(copy, in_place=True)).run()
    shutil.rmtree(copy)
    return faults.calls


@pytest.mark.parametrize("name", ["main.py", "gone.py", "twistlock/lib/core.so"])
def test_a_file_edited_after_an_interruption_is_not_overwritten(name: str, folder: Path) -> None:
    original = folder.parent / "original"
    shutil.copytree(folder, original)
    refused = 0
    for at in range(1, steps(original) + 1):
        shutil.rmtree(folder)
        shutil.copytree(original, folder)
        interrupt(folder, at)
        if not (folder / ".defender-stage/journal.json").is_file():
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"an edit")
        before = state(folder)
        with pytest.raises(PackageError, match="edited after an interrupted run") as raised:
            open_archive(folder)
        assert raised.value.path == str(folder / name)
        assert state(folder) == before
        refused += 1
    assert refused > 4


def test_a_roll_back_that_is_interrupted_can_be_done_again(folder: Path) -> None:
    original = state(folder)
    pristine = folder.parent / "pristine"
    shutil.copytree(folder, pristine)
    total = steps(pristine)
    middle = next(at for at in range(1, total) if _has_begun(folder, pristine, at))
    for at in range(1, 60):
        shutil.rmtree(folder)
        shutil.copytree(pristine, folder)
        interrupt(folder, middle + 3)
        child = os.fork()
        if not child:
            with Faults((*WRITING, *REMOVING), at, killed, late=False)(), contextlib.suppress(BaseException):
                open_archive(folder)
            os._exit(0)
        killed_now = os.WIFSIGNALED(os.waitpid(child, 0)[1])
        with open_archive(folder):
            assert state(folder) == original, at
        if not killed_now:
            break
    else:
        pytest.fail("the roll-back never ended")
    assert at > 3


def _has_begun(folder: Path, pristine: Path, at: int) -> bool:
    """Whether a kill at that step leaves a journal."""
    shutil.rmtree(folder)
    shutil.copytree(pristine, folder)
    interrupt(folder, at)
    return (folder / ".defender-stage/journal.json").is_file()


@pytest.mark.parametrize(
    "journal",
    [
        b'{"steps":[{"name":"../out","new":null,"existed":false}],"made":[]}',
        b'{"steps":[{"name":"/tmp/x","new":null,"existed":false}],"made":[]}',
        b'{"steps":[{"name":"away/out","new":null,"existed":false}],"made":[]}',
        b'{"steps":[],"made":["../out"]}',
        b'{"steps":[],"made":[],"removed":["../new"]}',
        b'{"steps":[],"made":["away/folder"]}',
        b'{"steps":[{"name":"a","new":null}]}',
        b"not JSON",
        b"\xff",
    ],
)
def test_a_forged_journal_reaches_nothing(journal: bytes, folder: Path) -> None:
    outside = folder.parent / "outside"
    (outside / "folder").mkdir(parents=True)
    (outside / "out").write_bytes(b"theirs")
    (folder.parent / "out").mkdir()
    (folder / "away").symlink_to(outside)
    (folder / ".defender-stage").mkdir()
    (folder / ".defender-stage/journal.json").write_bytes(journal)
    before = state(folder.parent)
    with pytest.raises(PackageError) as raised:
        open_archive(folder)
    assert raised.value.path == str(folder / ".defender-stage/journal.json")
    assert state(folder.parent) == before


def test_a_stage_that_is_a_link_is_not_followed(folder: Path) -> None:
    outside = folder.parent / "outside"
    outside.mkdir()
    (outside / "precious").write_bytes(b"!")
    (folder / ".defender-stage").symlink_to(outside)
    with open_archive(folder) as archive, pytest.raises(PackageError, match="File exists"):
        archive.write(CHANGES, Target(folder, in_place=True))
    assert (outside / "precious").read_bytes() == b"!"


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting a file system takes root"
)
def test_a_disk_that_is_really_full(prepare: Callable[[], Job], tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", small], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"this machine mounts nothing: {mounted.stderr.decode()}")
    try:
        job = prepare()
        if job.target.in_place or job.target.force:
            return
        with contextlib.suppress(OSError), (small / "filler").open("wb", 0) as filler:
            while True:
                filler.write(b"x" * 1024)
        job.target = Target(small / "out", as_zip=job.target.as_zip, durable=job.target.durable)
        with pytest.raises(PackageError, match="No space left on device") as raised:
            job.run()
        assert raised.value.hint == "free some space"
        assert [path.name for path in small.iterdir()] == ["filler"]
    finally:
        subprocess.run(["umount", small], check=True)


SIGTERM_IN_THE_MIDDLE = """
import os, signal, sys, threading
from defender.archive import output
from defender.commands import embed
real, interrupted = output.copy_range, threading.Event()
embed.Event = lambda: interrupted
def slow(*arguments):
    real(*arguments)
    os.kill(os.getpid(), signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread():
        interrupted.wait(20)  # The main thread gets the signal, and tells of it.
output.copy_range = slow
from defender.cli import main
sys.argv = ["defender", *sys.argv[1:]]
main()
"""


@pytest.mark.parametrize("jobs", [1, 2])
def test_sigterm_while_the_command_line_writes(jobs: int, tmp_path: Path) -> None:
    source = tmp_path / "in.zip"
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr("lambda_function.py", "def lambda_handler(event, context):\n    return 1\n")
        archive.writestr("large", os.urandom(1 << 20))
    ended = subprocess.run(
        [sys.executable, "-c", SIGTERM_IN_THE_MIDDLE, "embed", source, f"--jobs={jobs}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert ended.returncode == 130
    assert ended.stdout == ""
    assert "interrupted; nothing half-written was left" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.zip"]
