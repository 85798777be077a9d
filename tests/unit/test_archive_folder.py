"""Folders: what is copied, packed or changed in place keeps names, bytes, modes and link targets."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from defender.archive import (
    Add,
    Change,
    Drop,
    Kind,
    Limits,
    Replace,
    Restorable,
    Target,
    folder,
    folder_write,
    open_archive,
)
from defender.errors import PackageError, RewriteRefused, UsageError

BACKUP = "twistlock/defender.bin"
State = dict[str, tuple[str, int, bytes]]


def state(root: Path, *, dates: bool = False) -> State:
    """Names with kind, permission bits (and date) and content or link target."""
    found: State = {}
    for above, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(above, name)
            status = path.lstat()
            date = f" {status.st_mtime_ns}" if dates and not path.is_symlink() else ""
            content = (
                os.fsencode(path.readlink())
                if path.is_symlink()
                else path.read_bytes()
                if path.is_file()
                else b""
            )
            kind = f"{stat.S_IFMT(status.st_mode):o}{date}"
            found[str(path.relative_to(root))] = kind, stat.S_IMODE(status.st_mode), content
    return found


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "app"
    for name, data, mode in (
        ("main.py", b"old\n", 0o644),
        ("bin/run", b"#!/bin/sh\n", 0o755),
        ("pkg/private", b"p", 0o600),
        ("gone.py", b"g", 0o640),
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
        (root / name).chmod(mode)
    (root / "empty").mkdir(mode=0o700)
    (root / "link").symlink_to("main.py")
    (root / "out").symlink_to("/etc/hostname")
    (root / "dangling").symlink_to("nowhere")
    os.utime(root / "bin", ns=(10**18, 10**18))
    os.utime(root / "bin/run", ns=(10**18, 10**18 + 7))
    return root


def embedding(archive: Restorable) -> list[Change]:
    assert hasattr(archive, "backup")
    return [
        Replace("main.py", b"new\n"),
        Drop("gone.py"),
        Add("twistlock/lib/core.so", b"\x7fELF", 0o755),
        Add(BACKUP, archive.backup(["main.py", "gone.py"])),
    ]


def undo(archive: Restorable) -> Sequence[Change]:
    ours = ["twistlock/lib/core.so", BACKUP, "twistlock/lib", "twistlock"]
    return archive.restore(
        archive.read(BACKUP), ["main.py", "gone.py"], [n for n in ours if n in archive.members]
    )


NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=12
).filter(lambda name: name not in (".", "..", "main.py", "gone.py", "twistlock"))


@given(
    files=st.dictionaries(
        st.lists(NAMES, min_size=1, max_size=3).map(tuple),
        st.tuples(st.binary(max_size=5000), st.sampled_from([0o644, 0o755, 0o600, 0o444, 0o4755])),
        max_size=6,
    ),
    links=st.dictionaries(NAMES, st.sampled_from(["main.py", "../x", "/etc", "no where"]), max_size=3),
    empty=st.sets(NAMES, max_size=2),
)
@settings(max_examples=40, deadline=None)
def test_embedding_and_removing_gives_the_folder_back(
    files: dict[tuple[str, ...], tuple[bytes, int]],
    links: dict[str, str],
    empty: set[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    base = tmp_path_factory.mktemp("round")
    root = base / "app"
    root.mkdir()
    (root / "main.py").write_bytes(b"old\n")
    (root / "gone.py").write_bytes(b"g")
    for parts, (data, mode) in files.items():
        path = root.joinpath(*parts)
        if any(above.is_file() for above in path.parents) or path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(mode)
    for name, target in links.items():
        if not os.path.lexists(root / name):
            (root / name).symlink_to(target)
    for name in empty:
        if not os.path.lexists(root / name):
            (root / name).mkdir()
    before = state(root, dates=True)
    with open_archive(root) as archive:
        changes = embedding(archive)
        archive.prove(changes, undo)
        archive.write(changes, Target(base / "out"))
        assert state(root, dates=True) == before
    with open_archive(base / "out") as protected:
        assert protected.read("main.py") == b"new\n"
        protected.write(undo(protected), Target(base / "back"))
    assert state(base / "back") == state(root)
    with open_archive(root) as archive:
        archive.write(embedding(archive), Target(root, in_place=True))
    assert state(root) == state(base / "out")
    with open_archive(root) as protected:
        protected.write(undo(protected), Target(root, in_place=True))
    assert state(root) == state(base / "back")


def test_a_copy_keeps_dates_and_the_folders_own_mode(source: Path, tmp_path: Path) -> None:
    source.chmod(0o750)
    with open_archive(source) as archive:
        archive.write([], Target(tmp_path / "out"))
    assert state(tmp_path / "out", dates=True) == state(source, dates=True)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o750


def test_modes_of_new_members_do_not_depend_on_the_umask(source: Path, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        for target in (Target(tmp_path / "out"), Target(source, in_place=True)):
            with open_archive(source) as archive:
                archive.write(embedding(archive), target)
    finally:
        os.umask(before)
    for root in (tmp_path / "out", source):
        modes = {name: f"{mode:o}" for name, (_, mode, _) in state(root).items()}
        assert modes["twistlock"] == modes["twistlock/lib"] == modes["twistlock/lib/core.so"] == "755"
        assert modes[BACKUP] == modes["main.py"] == "644"


def test_a_replaced_file_keeps_its_mode(source: Path, tmp_path: Path) -> None:
    with open_archive(source) as archive:
        archive.write([Replace("bin/run", b"x")], Target(tmp_path / "out"))
        archive.write([Replace("bin/run", b"x")], Target(source, in_place=True))
    for root in (tmp_path / "out", source):
        assert stat.S_IMODE((root / "bin/run").stat().st_mode) == 0o755
        assert (root / "bin/run").read_bytes() == b"x"


def test_packing_is_the_same_everywhere(source: Path, tmp_path: Path) -> None:
    again = tmp_path / "elsewhere"
    subprocess.run(["cp", "-r", "--no-dereference", "--preserve=mode", source, again], check=True)
    outputs = []
    for root in (source, again):
        with open_archive(root) as archive:
            archive.write(embedding(archive), Target(tmp_path / f"{root.name}.zip", as_zip=True))
        outputs.append((tmp_path / f"{root.name}.zip").read_bytes())
    assert outputs[0] == outputs[1]


def test_other_tools_unpack_what_we_pack(source: Path, tmp_path: Path) -> None:
    packed, unpacked, copied = tmp_path / "out.zip", tmp_path / "unpacked", tmp_path / "copied"
    with open_archive(source) as archive:
        archive.write(embedding(archive), Target(packed, as_zip=True))
        archive.write(embedding(archive), Target(copied))
    for command in (["unzip", "-tqq"], ["zip", "-T", "-q"], ["bsdtar", "-tf"]):
        subprocess.run([*command, packed], check=True, capture_output=True)
    subprocess.run(["unzip", "-q", packed, "-d", unpacked], check=True)
    assert state(unpacked) == state(copied)
    with zipfile.ZipFile(packed) as check:
        assert check.namelist() == sorted(check.namelist(), key=lambda name: name.rstrip("/"))
        assert {info.date_time for info in check.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    with open_archive(packed) as archive:
        kinds = {name: member.kind for name, member in archive.members.items()}
    assert (kinds["link"], kinds["empty"], kinds["main.py"]) == (Kind.SYMLINK, Kind.FOLDER, Kind.FILE)


def test_edits_through_links_are_refused(source: Path) -> None:
    os.link(source / "main.py", source.parent / "second")
    with open_archive(source) as archive:
        for name, message in (
            ("link", "symbolic link"),
            ("out", "symbolic link"),
            ("main.py", "second hard link"),
            ("empty", "symbolic link"),
            ("absent", "no such file"),
        ):
            with pytest.raises(RewriteRefused, match=message):
                archive.refuse_edit(name)
        archive.refuse_edit("bin/run")
        assert archive.read("link") == b"old\n"
        with pytest.raises(PackageError, match="leads out of the package"):
            archive.read("out")
        with pytest.raises(PackageError, match="can't be read"):
            archive.read("dangling")
        with pytest.raises(PackageError, match="no such file"):
            archive.read("empty")


@pytest.mark.parametrize("name", ["out", "pkg/out"])
def test_an_output_inside_the_input(name: str, source: Path) -> None:
    before = state(source)
    with open_archive(source) as archive, pytest.raises(UsageError, match="inside the input"):
        archive.write([], Target(source / name, force=True))
    assert state(source) == before


def test_an_output_inside_the_input_by_a_link(source: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(source / "pkg")
    with open_archive(source) as archive, pytest.raises(UsageError, match="inside the input"):
        archive.write([], Target(tmp_path / "alias" / "out"))


def test_force_replaces_only_what_defender_made(source: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    (theirs / "twistlock").mkdir(parents=True)
    (theirs / "precious").write_bytes(b"!")
    with open_archive(source) as archive:
        with pytest.raises(UsageError, match="exists"):
            archive.write([], Target(theirs))
        with pytest.raises(UsageError, match="did not make"):
            archive.write([], Target(theirs, force=True))
        assert state(theirs).keys() == {"twistlock", "precious"}
        (theirs / "twistlock/defender.json").write_bytes(b"{}")
        with pytest.raises(UsageError, match="a ZIP can't replace it"):
            archive.write([], Target(theirs, force=True, as_zip=True))
        archive.write(embedding(archive), Target(theirs, force=True))
        archive.write(embedding(archive), Target(tmp_path / "fresh"))
    assert state(theirs) == state(tmp_path / "fresh")
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("exchanges", [True, False])
def test_force_replaces_files_and_links_too(
    exchanges: bool, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not exchanges:
        monkeypatch.setattr(folder_write, "exchange", lambda one, other: False)
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "dangling").symlink_to("nowhere")
    with open_archive(source) as archive:
        for name in ("file", "dangling"):
            archive.write([], Target(tmp_path / name, force=True))
            assert state(tmp_path / name) == state(source)
    assert leftovers(tmp_path) == []


def test_replacing_without_exchange_puts_the_old_back_when_the_new_can_t_come(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "old"
    (old / "twistlock").mkdir(parents=True)
    (old / "twistlock/defender.json").write_bytes(b"{}")
    before = state(old)

    def fail(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(folder_write, "exchange", lambda one, other: False)
    monkeypatch.setattr(folder_write, "publish", fail)
    with open_archive(source) as archive, pytest.raises(PackageError, match="Input/output error"):
        archive.write([], Target(old, force=True))
    assert state(old) == before
    assert leftovers(tmp_path) == []


def leftovers(where: Path) -> list[str]:
    return sorted(path.name for path in where.iterdir() if path.name.startswith(".defender-"))


def test_what_no_package_can_hold(source: Path) -> None:
    os.mkfifo(source / "pipe")
    with pytest.raises(PackageError, match="neither file, folder nor symbolic link") as raised:
        open_archive(source)
    assert raised.value.path == str(source / "pipe")
    (source / "pipe").unlink()
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(source)
        server.bind("socket")
        with pytest.raises(PackageError, match="neither file"):
            open_archive(source)


def test_names_that_are_no_utf_8(source: Path, tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.txt")
    (source / name).write_bytes(b"x")
    with open_archive(source) as archive:
        archive.write(embedding(archive), Target(tmp_path / "out"))
        assert (tmp_path / "out" / name).read_bytes() == b"x"
        with pytest.raises(PackageError, match="no UTF-8"):
            archive.write([], Target(tmp_path / "out.zip", as_zip=True))
    assert not (tmp_path / "out.zip").exists()
    assert leftovers(tmp_path) == []


def test_a_huge_file_is_copied_and_not_edited(source: Path, tmp_path: Path) -> None:
    with (source / "huge").open("wb") as file:
        file.truncate(3 << 20)
    with open_archive(source, Limits(member=1 << 20)) as archive:
        with pytest.raises(PackageError, match="too many to edit"):
            archive.read("huge")
        archive.write([], Target(tmp_path / "out"))
    assert (tmp_path / "out/huge").stat().st_size == 3 << 20


def test_a_file_that_changes_while_it_is_copied(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = folder_write.copy_range

    def touched(*arguments: int) -> None:
        real(*arguments)
        os.utime(source / "bin/run", ns=(1, 1))

    monkeypatch.setattr(folder_write, "copy_range", touched)
    with open_archive(source) as archive, pytest.raises(PackageError, match="changed while it was copied"):
        archive.write([], Target(tmp_path / "out"))
    assert leftovers(tmp_path) == []
    assert not (tmp_path / "out").exists()


def test_a_file_that_shrinks_while_it_is_copied(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = folder_write.copy_range

    def shrunk(*arguments: int) -> None:
        (source / "bin/run").write_bytes(b"")
        real(*arguments)

    monkeypatch.setattr(folder_write, "copy_range", shrunk)
    with open_archive(source) as archive, pytest.raises(PackageError, match="became shorter"):
        archive.write([], Target(tmp_path / "out"))
    assert leftovers(tmp_path) == []


def test_a_folder_that_can_t_be_listed(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.scandir

    def closed(path: os.PathLike[str]) -> object:
        if Path(path).name == "pkg":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(folder.os, "scandir", closed)
    with pytest.raises(PackageError, match="can't be read: Permission denied") as raised:
        open_archive(source)
    assert raised.value.path == str(source / "pkg")
