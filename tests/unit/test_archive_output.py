"""How bytes get to the disk: short writes, systems and file systems that lack a call, targets, leftovers."""

from __future__ import annotations

import errno
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from defender.archive import Add, Change, Drop, Replace, Target, folder_write, open_archive
from defender.archive import output as outputs
from defender.errors import PackageError, UsageError

CHANGES: tuple[Change, ...] = (Replace("b.bin", b"new" * 3000), Drop("c.bin"), Add("twistlock/x", b"x"))


def make(base: Path, *, folder: bool) -> Path:
    """A package whose untouched files are copied both at whole pages and shifted."""
    base.mkdir()
    contents = {
        f"{name}.bin": os.urandom(size) for name, size in zip("abcd", (300_000, 50, 9, 150_000), strict=True)
    }
    source = base / "in"
    if folder:
        source.mkdir()
        for name, data in contents.items():
            (source / name).write_bytes(data)
        return source
    with zipfile.ZipFile(source, "w") as archive:
        for name, data in contents.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return source


def written(source: Path, output: Path) -> dict[str, bytes]:
    """The changes made; all contents of the output by name."""
    with open_archive(source) as archive:
        archive.write(CHANGES, Target(output))
    with open_archive(output) as archive:
        return {name: archive.read(name) for name in archive.members if name != "twistlock"}


@pytest.fixture(params=["zip", "folder"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return make(tmp_path / "work", folder=request.param == "folder")


def unsupported(number: int) -> Callable[..., Any]:
    def call(*arguments: object) -> int:
        raise OSError(number, os.strerror(number))

    return call


@pytest.mark.parametrize(
    "lacking",
    [
        {"copy_file_range": None},
        {"copy_file_range": None, "preadv": None},
        *({"copy_file_range": number} for number in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EPERM)),
    ],
)
def test_systems_that_lack_a_call(
    lacking: dict[str, int | None], source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = written(source, source.with_name("expected"))
    for name, number in lacking.items():
        if number is None:
            monkeypatch.delattr(os, name)
        else:
            monkeypatch.setattr(os, name, unsupported(number))
    assert written(source, source.with_name("out")) == expected
    assert expected["b.bin"] == b"new" * 3000
    assert "c.bin" not in expected


def test_calls_that_do_less_than_asked(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = written(source, source.with_name("expected"))
    write, copy, read = os.write, os.copy_file_range, os.preadv
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[: max(len(data) // 2, 1)]))
    monkeypatch.setattr(
        os, "copy_file_range", lambda one, other, size, at: copy(one, other, min(size, 4097), at)
    )
    monkeypatch.setattr(os, "preadv", lambda file, buffers, at: read(file, [buffers[0][:4099]], at))
    assert written(source, source.with_name("out")) == expected


def test_a_kernel_copy_that_fails_half_way_is_finished_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make(tmp_path / "work", folder=True)
    expected = written(source, source.with_name("expected"))
    real, asked = os.copy_file_range, []

    def once(one: int, other: int, size: int, at: int) -> int:
        asked.append(at)
        if at:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return real(one, other, min(size, 8192), at)

    monkeypatch.setattr(os, "copy_file_range", once)
    assert written(source, source.with_name("out")) == expected
    assert 8192 in asked


def test_real_errors_of_the_kernel_copy_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make(tmp_path / "work", folder=True)
    monkeypatch.setattr(os, "copy_file_range", unsupported(errno.EIO))
    with open_archive(source) as archive, pytest.raises(PackageError, match="Input/output error; no output"):
        archive.write([], Target(source.with_name("out")))
    assert [path.name for path in source.parent.iterdir()] == ["in"]


def test_a_file_that_can_t_be_opened_is_named(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if source.is_file():
        source.chmod(0)
        monkeypatch.setattr(os, "open", unsupported(errno.EACCES))
        with pytest.raises(PackageError, match="can't be read: Permission denied") as raised:
            open_archive(source)
        assert raised.value.path == str(source)
        return
    real = os.open

    def closed(path: Path, *arguments: int, **options: int) -> int:
        if Path(path).name == "d.bin" and not arguments[0] & os.O_CREAT:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, "open", closed)
    with open_archive(source) as archive, pytest.raises(PackageError, match="can't be read") as raised:
        archive.write([], Target(source.with_name("out")))
    assert raised.value.path == str(source / "d.bin")
    assert [path.name for path in source.parent.iterdir()] == ["in"]


def test_what_can_t_be_cleaned_up_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The output stands under its name by then; a traceback would say that it does not."""
    source = make(tmp_path / "work", folder=False)
    monkeypatch.setattr(os, "unlink", unsupported(errno.EACCES))
    assert written(source, source.with_name("out"))["twistlock/x"] == b"x"


def test_the_input_inside_the_output(tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    (outer / "twistlock").mkdir(parents=True)
    (outer / "twistlock/defender.json").write_bytes(b"{}")
    source = make(outer / "work", folder=True)
    with open_archive(source) as archive, pytest.raises(UsageError, match="input lies inside the output"):
        archive.write([], Target(outer, force=True))
    assert sorted(path.name for path in source.iterdir()) == ["a.bin", "b.bin", "c.bin", "d.bin"]


@pytest.mark.parametrize("name", ["pkg\\a.py", "c:a.py"])
def test_names_that_a_folder_may_have_and_a_zip_may_not(name: str, tmp_path: Path) -> None:
    source = make(tmp_path / "work", folder=True)
    (source / name).write_bytes(b"x")
    assert written(source, source.with_name("out"))[name] == b"x"
    with open_archive(source) as archive, pytest.raises(PackageError, match=r"backslash|absolute"):
        archive.write([], Target(source.with_name("out.zip"), as_zip=True))
    assert sorted(path.name for path in source.parent.iterdir()) == ["in", "out"]


@pytest.mark.parametrize("durable", [False, True])
def test_durable_syncs_file_and_folder(durable: bool, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, synced = outputs.sync, []

    def noted(path: Path) -> None:
        synced.append(path)
        real(path)

    for module in (outputs, folder_write):
        monkeypatch.setattr(module, "sync", noted)
    with open_archive(source) as archive:
        archive.write(CHANGES, Target(source.with_name("out"), durable=durable))
    assert (source.parent in synced) == durable
    assert (len(synced) >= 2) == durable


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o755])
def test_a_zip_keeps_its_mode(mode: int, tmp_path: Path) -> None:
    source = make(tmp_path / "work", folder=False)
    source.chmod(mode)
    written(source, source.with_name("out"))
    assert source.with_name("out").stat().st_mode & 0o777 == mode
