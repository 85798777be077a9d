"""ZIPs: untouched members are copied to the byte, every change can be taken back to the byte."""

from __future__ import annotations

import io
import random
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from defender.archive import Add, AddRaw, Change, Drop, Kind, Replace, Restorable, Target, open_archive
from defender.archive.records import find_end, parse_directory
from defender.errors import PackageError, RewriteRefused, UsageError

BACKUP = "twistlock/defender.bin"


@dataclass
class Made:
    """A generated ZIP and the names that are in it."""

    data: bytes
    names: list[str] = field(default_factory=list)


def make(chance: random.Random) -> Made:
    """A ZIP as tools make them: prefixes, comments, descriptors, ZIP64 fields, methods, extra fields."""
    buffer = io.BytesIO()
    if chance.random() < 0.2:
        buffer.write(b"#!/bin/sh\nexec something\n" * chance.randrange(1, 5))
    names = []
    with zipfile.ZipFile(buffer, "a" if buffer.tell() else "w") as archive:
        for number in range(chance.randrange(1, 12)):
            name = chance.choice(["a", "b", "pkg/x", "é", "dir/", "deep/er/"]) + f"{number}"
            name += chance.choice(["", ".py", ".json"])
            info = zipfile.ZipInfo(name, (1980 + number, 1, 1, 1, 1, 2))
            info.compress_type = chance.choice([0, 8, 8, 12])
            info.external_attr = chance.choice([0o100644, 0o100755, 0]) << 16
            if chance.random() < 0.2:
                info.extra = b"\xfe\xca\x02\x00ab"
            if chance.random() < 0.1:
                info.comment = b"a member's comment"
            content = chance.randbytes(chance.randrange(0, 200)) * chance.randrange(1, 40)
            if chance.random() < 0.3:
                with archive.open(info, "w", force_zip64=chance.random() < 0.5) as file:
                    file.write(content)
            else:
                archive.writestr(info, content)
            names.append(name)
        if chance.random() < 0.3:
            archive.comment = b"comment of the archive" * chance.randrange(1, 40)
    return Made(buffer.getvalue(), names)


def undoing(names: Sequence[str], also_drop: Sequence[str] = ()) -> Callable[[Restorable], Sequence[Change]]:
    """The changes that take back what was done to these names."""

    def undo(archive: Restorable) -> Sequence[Change]:
        return archive.restore(archive.read(BACKUP), names, [BACKUP, *also_drop])

    return undo


@pytest.mark.parametrize("batch", range(10))
def test_a_thousand_zips_come_back_bit_for_bit(batch: int, tmp_path: Path) -> None:
    source, output, back = tmp_path / "in.zip", tmp_path / "out.zip", tmp_path / "back.zip"
    for seed in range(batch * 100, batch * 100 + 100):
        chance = random.Random(seed)
        made = make(chance)
        source.write_bytes(made.data)
        touched = chance.sample(made.names, chance.randrange(0, len(made.names)))
        dropped = touched[: chance.randrange(0, len(touched) + 1)]
        replaced = [name for name in touched if name not in dropped]
        again = [name for name in dropped if chance.random() < 0.2]
        with open_archive(source) as archive:
            changes: list[Change] = [Drop(name) for name in dropped]
            changes += [
                Replace(name, archive.read(name) + b"#" * chance.choice([1, 9000])) for name in replaced
            ]
            changes += [Add(name, b"in another's place") for name in again]
            changes.append(Add(BACKUP, archive.backup(touched)))
            undo = undoing(touched, again)
            archive.prove(changes, undo)
            archive.write(changes, Target(output, force=True))
        with zipfile.ZipFile(output) as check:
            assert check.testzip() is None
            expected = (set(made.names) - set(dropped)) | set(again) | {BACKUP}
            assert set(check.namelist()) == expected, seed
        with open_archive(output) as protected:
            protected.write(undo(protected), Target(back, force=True))
        assert back.read_bytes() == made.data, seed


@given(
    contents=st.dictionaries(
        st.text(st.characters(codec="utf-8", exclude_characters="/\\\0:"), min_size=1, max_size=20).filter(
            lambda name: name.strip(". ") and not name.startswith(".")
        ),
        st.binary(max_size=9000),
        min_size=1,
        max_size=8,
    ),
    added=st.binary(max_size=9000),
)
@settings(max_examples=60, deadline=None)
def test_contents_survive(
    contents: dict[str, bytes], added: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("round")
    source = folder / "in.zip"
    with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    with open_archive(source) as package:
        assert {name: package.read(name) for name in package.members} == contents
        package.write([Add("twistlock/new", added)], Target(folder / "out.zip"))
    with zipfile.ZipFile(folder / "out.zip") as after:
        assert {name: after.read(name) for name in after.namelist()} == {**contents, "twistlock/new": added}


def write_zip(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/"), data)
    return path


def test_untouched_members_keep_their_compressed_bytes(tmp_path: Path) -> None:
    source = write_zip(tmp_path / "in.zip", a=b"a" * 5000, b=b"b" * 5000, c=b"c" * 5000)
    before = source.read_bytes()
    with open_archive(source) as archive:
        archive.write([Replace("b", b"new")], Target(tmp_path / "out.zip"))
    after = (tmp_path / "out.zip").read_bytes()
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(tmp_path / "out.zip") as new:
        assert new.namelist() == ["a", "b", "c"]
        for name in ("a", "c"):
            one, other = old.getinfo(name), new.getinfo(name)
            size = one.compress_size + 30 + len(name)
            assert before[one.header_offset :][:size] == after[other.header_offset :][:size]
        assert new.getinfo("b").date_time == old.getinfo("b").date_time


def test_new_members_have_a_fixed_date_and_an_explicit_mode(tmp_path: Path) -> None:
    source = write_zip(tmp_path / "in.zip", a=b"a")
    with open_archive(source) as archive:
        archive.write([Add("n", b"x"), AddRaw("r", b"y", 0, 4251984396, 1)], Target(tmp_path / "out.zip"))
    with zipfile.ZipFile(tmp_path / "out.zip") as after:
        for name in ("n", "r"):
            info = after.getinfo(name)
            assert (info.date_time, info.external_attr >> 16) == ((1980, 1, 1, 0, 0, 0), 0o100644)


def test_same_input_same_bytes(tmp_path: Path) -> None:
    source = write_zip(tmp_path / "in.zip", a=b"a" * 100_000)
    outputs = []
    for number in range(2):
        with open_archive(source) as archive:
            archive.write(
                [Replace("a", b"b" * 100_000), Add("n", b"x" * 9999)], Target(tmp_path / f"{number}.zip")
            )
        outputs.append((tmp_path / f"{number}.zip").read_bytes())
    assert outputs[0] == outputs[1]


def test_symlinks_and_modes_are_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        for name, mode in (("file", 0o100755), ("link", 0o120777), ("dir/", 0o040755)):
            info = zipfile.ZipInfo(name)
            info.create_system = 3
            info.external_attr = mode << 16
            archive.writestr(info, b"file" if name == "link" else b"")
    with open_archive(tmp_path / "in.zip") as package:
        kinds = {name: (member.kind, member.mode) for name, member in package.members.items()}
        assert kinds == {
            "file": (Kind.FILE, 0o755),
            "link": (Kind.SYMLINK, 0o777),
            "dir": (Kind.FOLDER, 0o755),
        }
        with pytest.raises(RewriteRefused, match="symbolic link"):
            package.refuse_edit("link")


def test_what_a_signature_covers_is_not_changed(tmp_path: Path) -> None:
    signature = b"Signature-Version: 1.0\r\n\r\nName: com/ex\r\n ample/App.class\r\nSHA-256-Digest: x\r\n"
    source = write_zip(
        tmp_path / "in.jar",
        **{"META-INF__A.SF": signature, "com__example__App.class": b"c", "other": b"o"},
    )
    with open_archive(source) as archive:
        archive.refuse_edit("other")
        with pytest.raises(RewriteRefused, match="signed"):
            archive.refuse_edit("com/example/App.class")


def test_more_members_than_classic_zip_holds(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        for number in range(70_000):
            archive.writestr(f"{number}", b"")
    with open_archive(tmp_path / "in.zip") as package:
        assert len(package.members) == 70_000
        assert "ZIP64" in package.warnings[0]
        changes = [Add(BACKUP, package.backup(["5"])), Replace("5", b"five")]
        package.prove(changes, undoing(["5"]))
        package.write(changes, Target(tmp_path / "out.zip"))
    with zipfile.ZipFile(tmp_path / "out.zip") as after:
        assert len(after.namelist()) == 70_001
        assert after.read("5") == b"five"
    with open_archive(tmp_path / "out.zip") as protected:
        protected.write(undoing(["5"])(protected), Target(tmp_path / "back.zip"))
    assert (tmp_path / "back.zip").read_bytes() == (tmp_path / "in.zip").read_bytes()


def sparse_zip(path: Path) -> None:
    """Members a, m and z; bytes that nobody reads lie between m and z, whose offset is beyond 4 GiB."""
    write_zip(path, a=b"x", m=b"middle", z=b"last")
    data = path.read_bytes()
    with zipfile.ZipFile(path) as source:
        last = source.getinfo("z").header_offset
    directory_at = data.index(b"PK\1\2")
    entry_at = data.rindex(b"PK\1\2")
    gap = (1 << 32) + 17
    wide = last + gap
    entry = data[entry_at : data.index(b"PK\5\6")]
    entry = entry[:30] + b"\x0c\0" + entry[32:42] + b"\xff" * 4 + entry[46:] + b"\1\0\x08\0"
    directory = data[directory_at:entry_at] + entry + wide.to_bytes(8, "little")
    at = directory_at + gap
    end64 = b"PK\6\6" + (44).to_bytes(8, "little") + b"\x2d\x03\x2d\0" + bytes(8)
    for number in (3, 3, len(directory), at):
        end64 += number.to_bytes(8, "little")
    locator = b"PK\6\7" + bytes(4) + (at + len(directory)).to_bytes(8, "little") + b"\1\0\0\0"
    classic = (
        b"PK\5\6" + bytes(4) + b"\3\0\3\0" + len(directory).to_bytes(4, "little") + b"\xff" * 4 + b"\0\0"
    )
    with path.open("wb") as file:
        file.write(data[:last])
        file.seek(wide)
        file.write(data[last:directory_at] + directory + end64 + locator + classic)


def test_offsets_beyond_four_gib(tmp_path: Path) -> None:
    sparse_zip(tmp_path / "in.zip")
    with open_archive(tmp_path / "in.zip") as archive:
        assert archive.read("z") == b"last"
        assert "ZIP64" in archive.warnings[0]
        changes = [Add(BACKUP, archive.backup(["a"])), Replace("a", b"longer than before")]
        archive.prove(changes, undoing(["a"]))
        with pytest.raises(RewriteRefused, match="bytes that belong to no member"):
            archive.backup(["m"])


TOOLS = {
    "unzip": ["unzip", "-tqq"],
    "zip": ["zip", "-T", "-q"],
    "bsdtar": ["bsdtar", "-tf"],
    "python": [sys.executable, "-m", "zipfile", "-t"],
    "jar": ["jar", "tf"],
}


@pytest.mark.parametrize("tool", TOOLS)
def test_other_tools_read_what_we_write(tool: str, tmp_path: Path) -> None:
    command = TOOLS[tool]
    assert shutil.which(command[0]), f"{command[0]} is missing: make system installs it"
    seeds = range(1) if tool == "jar" else range(12)
    for seed in seeds:
        chance = random.Random(seed)
        made = make(chance)
        if tool == "unzip" and made.data[:2] != b"PK":
            continue  # unzip warns of bytes in front of an archive, as it does about the original
        if tool == "jar":
            made = Made(write_zip(tmp_path / "plain.jar", a=b"a" * 999, b=b"b").read_bytes(), ["a", "b"])
        source, output = tmp_path / "in.zip", tmp_path / "out.zip"
        source.write_bytes(made.data)
        with open_archive(source) as archive:
            changes = [Replace(made.names[0], b"new" * 3000), Add("twistlock/n", b"x"), Drop(made.names[-1])]
            archive.write(changes[: 3 if len(made.names) > 1 else 2], Target(output, force=True))
        subprocess.run([*command, output], check=True, capture_output=True)


def test_the_directory_that_was_planned_is_the_one_that_is_written(tmp_path: Path) -> None:
    source = write_zip(tmp_path / "in.zip", a=b"a" * 999, b=b"b", c=b"c")
    with open_archive(source) as archive:
        archive.write([Replace("a", b"1"), Drop("b"), Add("d", b"2")], Target(tmp_path / "out.zip"))
    from defender.archive.pieces import FileBytes

    data = FileBytes(tmp_path / "out.zip")
    end = find_end(data, tmp_path)
    entries = parse_directory(data.read_at(end.at, end.size), end, tmp_path)
    data.close()
    assert [entry.raw_name for entry in entries] == [b"a", b"c", b"d"]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (Target(Path("in.zip")), "the output is the input"),
        (Target(Path("there.zip")), "the output exists"),
        (Target(Path("nowhere/out.zip")), "folder does not exist"),
        (Target(Path("folder"), force=True), "a ZIP can.t replace it"),
    ],
)
def test_outputs_that_are_refused(
    target: Target, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_zip(tmp_path / "in.zip", a=b"a")
    (tmp_path / "there.zip").write_bytes(b"theirs")
    (tmp_path / "folder").mkdir()
    with open_archive(tmp_path / "in.zip") as archive, pytest.raises(UsageError, match=message):
        archive.write([], target)
    assert (tmp_path / "there.zip").read_bytes() == b"theirs"


def test_in_place_follows_a_link_to_the_file(tmp_path: Path) -> None:
    real = write_zip(tmp_path / "real.zip", a=b"a")
    (tmp_path / "link.zip").symlink_to(real)
    with open_archive(tmp_path / "link.zip") as archive:
        archive.write([Add("n", b"x")], Target(tmp_path / "link.zip", in_place=True))
    assert (tmp_path / "link.zip").is_symlink()
    with zipfile.ZipFile(real) as after:
        assert after.namelist() == ["a", "n"]


def test_a_member_that_is_not_there(tmp_path: Path) -> None:
    source = write_zip(tmp_path / "in.zip", a=b"a")
    with open_archive(source) as archive, pytest.raises(PackageError, match="no such file"):
        archive.read("b")
