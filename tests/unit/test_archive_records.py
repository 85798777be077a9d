"""Records of ZIPs that tools seldom write: ends in ZIP64, extra fields, archives in archives, signatures."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from defender.archive import Add, Change, Drop, Kind, Limits, Replace, Restorable, Target, open_archive
from defender.errors import PackageError, RewriteRefused

BACKUP = "twistlock/defender.bin"


def member(
    name: bytes,
    data: bytes,
    *,
    method: int = 0,
    packed: bytes | None = None,
    extra: bytes = b"",
    **other: int,
) -> tuple[bytes, bytes]:
    """A record and its directory entry, field by field; the offset stands open."""
    body = data if packed is None else packed
    size = other.get("size", len(data))
    common = struct.pack(
        "<5H3I2H", 20, 0, method, 0, 33, zlib.crc32(data), len(body), size, len(name), len(extra)
    )
    entry = b"PK\1\2\x14\x03" + common + bytes(6) + struct.pack("<I", 0o100644 << 16)
    return b"PK\3\4" + common + name + extra + body, entry + bytes(4) + name + extra


def archive_of(
    *members: tuple[bytes, bytes],
    prefix: bytes = b"",
    comment: bytes = b"",
    wide: Sequence[int] | None = None,
) -> bytes:
    """Records, directory and end; with `wide` a ZIP64 end that has these three numbers, or the true ones."""
    data, directory = prefix, b""
    for record, entry in members:
        directory += entry[:42] + struct.pack("<I", len(data) - len(prefix)) + entry[46:]
        data += record
    numbers = [len(members), len(directory), len(data) - len(prefix)]
    end = b""
    if wide is not None:
        count, size, offset = wide or numbers
        end = b"PK\6\6" + struct.pack("<Q2H2I4Q", 44, 45, 45, 0, 0, count, count, size, offset)
        end += b"PK\6\7" + struct.pack("<IQI", 0, len(data) + len(directory) - len(prefix), 1)
    classic = struct.pack("<4H2IH", 0, 0, numbers[0], *numbers, len(comment))
    return data + directory + end + b"PK\5\6" + classic + comment


def undoing(*names: str) -> Callable[[Restorable], Sequence[Change]]:
    """The changes that take back what was done to these names."""
    return lambda archive: archive.restore(archive.read(BACKUP), names, [BACKUP])


def round_trip(data: bytes, folder: Path, *names: str) -> bytes:
    """Changes the members, proves, writes, takes the changes back; gives what was written between."""
    source, output, back = folder / "in.zip", folder / "out.zip", folder / "back.zip"
    source.write_bytes(data)
    with open_archive(source) as archive:
        changes: list[Change] = [Replace(name, archive.read(name) + b"# more\n") for name in names]
        changes.append(Add(BACKUP, archive.backup(names)))
        archive.prove(changes, undoing(*names))
        archive.write(changes, Target(output))
    with open_archive(output) as protected:
        protected.write(undoing(*names)(protected), Target(back))
    assert back.read_bytes() == data
    return output.read_bytes()


@pytest.mark.parametrize("prefix", [b"", b"#!/bin/sh\nexec python3 $0\n"])
@pytest.mark.parametrize("comment", [b"", b"a comment"])
def test_a_zip64_end_where_none_is_needed(prefix: bytes, comment: bytes, tmp_path: Path) -> None:
    data = archive_of(
        member(b"a.py", b"1\n"), member(b"b.py", b"2\n"), prefix=prefix, comment=comment, wide=()
    )
    output = round_trip(data, tmp_path, "a.py")
    end = output[-len(comment) - 98 :]
    assert (end[:4], end[56:60], end[76:80]) == (b"PK\6\6", b"PK\6\7", b"PK\5\6")
    with zipfile.ZipFile(tmp_path / "out.zip") as check:
        assert check.read("a.py") == b"1\n# more\n"
        assert check.comment == comment


@pytest.mark.parametrize("changed", [0, 1, 2])
def test_two_ends_that_disagree(changed: int, tmp_path: Path) -> None:
    records = [member(b"a.py", b"1\n"), member(b"b.py", b"2\n")]
    numbers = [2, 100, sum(len(record) for record, _ in records)]
    numbers[changed] -= 1
    (tmp_path / "in.zip").write_bytes(archive_of(*records, wide=numbers))
    with pytest.raises(PackageError, match="two ends"):
        open_archive(tmp_path / "in.zip")


def test_an_extra_field_that_looks_like_zip64s(tmp_path: Path) -> None:
    """The bytes 01 00 stand in another field, in front of the one that has the offset."""
    other = struct.pack("<2H", 0xCAFE, 6) + b"\1\0\1\0\1\0"
    first, second = member(b"a.py", b"1\n"), member(b"b.py", b"2\n")
    entry = second[1]
    wide = other + struct.pack("<2HQ", 1, 8, len(first[0]))
    entry = entry[:30] + struct.pack("<H", len(wide)) + entry[32:] + wide
    data = archive_of(first, (second[0], entry))
    at = data.rindex(b"PK\1\2") + 42
    data = data[:at] + b"\xff" * 4 + data[at + 4 :]
    round_trip(data, tmp_path, "a.py")
    with open_archive(tmp_path / "out.zip") as archive:
        assert archive.read("b.py") == b"2\n"


def test_directory_in_another_order_than_the_file(tmp_path: Path) -> None:
    names = [b"a.py", b"b.py", b"c.py"]
    records = [member(name, name) for name in names]
    offsets = [0, len(records[0][0]), len(records[0][0]) + len(records[1][0])]
    file = b"".join(record for record, _ in records)
    order = [2, 0, 1]
    directory = b"".join(
        records[old][1][:42] + struct.pack("<I", offsets[old]) + records[old][1][46:] for old in order
    )
    end = b"PK\5\6" + struct.pack("<4H2IH", 0, 0, 3, 3, len(directory), len(file), 0)
    round_trip(file + directory + end, tmp_path, "b.py", "c.py")
    with open_archive(tmp_path / "out.zip") as archive:
        assert list(archive.members) == ["c.py", "a.py", "b.py", BACKUP]


def test_bytes_between_records_come_back(tmp_path: Path) -> None:
    """As `zip -d` and alignment tools leave them; a changed member loses what lies behind it."""
    record, entry = member(b"a.py", b"1\n")
    data = archive_of((record + b"left over" * 9, entry), member(b"b.py", b"2\n"))
    round_trip(data, tmp_path, "a.py")
    with zipfile.ZipFile(tmp_path / "out.zip") as check:
        first, second = check.infolist()[:2]
    assert second.header_offset == first.header_offset + 30 + len("a.py") + first.compress_size


def test_a_backup_grows_with_what_changes_and_not_with_the_archive(tmp_path: Path) -> None:
    (tmp_path / "in.zip").write_bytes(archive_of(*(member(b"m%d.py" % n, b"%d" % n) for n in range(6000))))
    with open_archive(tmp_path / "in.zip") as archive:
        sizes = [len(archive.backup([f"m{n}.py" for n in range(count)])) for count in (0, 1, 10, 100)]
    assert sizes[0] < 100
    assert all(size < 100 + 250 * count for size, count in zip(sizes, (0, 1, 10, 100), strict=True))


@pytest.mark.parametrize("size", [300, 3000, 30_000])
def test_nothing_is_kept_twice(size: int, tmp_path: Path) -> None:
    """At most 1 % above the original, what is kept of the changed member, and the added members' headers."""
    source = b"".join(b"def function_%d(a, b):\n    return a * %d\n" % (n, n * n) for n in range(size // 40))
    with zipfile.ZipFile(tmp_path / "plain.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        archive.writestr("a.py", source)
        archive.writestr("b.bin", os.urandom(50_000))
        changed = archive.getinfo("a.py").compress_size
    before = (tmp_path / "plain.zip").read_bytes()
    after = round_trip(before, tmp_path, "a.py")
    headers = 76 + 2 * len(BACKUP)
    assert len(after) <= (len(before) + changed + headers) * 1.01


def test_archives_in_archives_stay_stored(tmp_path: Path) -> None:
    inner = archive_of(member(b"x", b"x" * 20_000))
    data = archive_of(member(b"BOOT-INF/lib/a.jar", inner), member(b"big.py", b"# " * 9000))
    (tmp_path / "in.zip").write_bytes(data)
    with open_archive(tmp_path / "in.zip") as archive:
        replaced = [Replace("BOOT-INF/lib/a.jar", inner + inner), Replace("big.py", b"#" * 9000)]
        archive.write([*replaced, Add("lib/b.jar", inner)], Target(tmp_path / "out.zip"))
    with zipfile.ZipFile(tmp_path / "out.zip") as check:
        methods = {info.filename: info.compress_type for info in check.infolist()}
    assert methods == {"BOOT-INF/lib/a.jar": 0, "big.py": zipfile.ZIP_DEFLATED, "lib/b.jar": 0}


@pytest.mark.parametrize(
    ("name", "is_signed"),
    [
        ("META-INF/MANIFEST.MF", True),
        ("META-INF/A.SF", True),
        ("META-INF/A.RSA", True),
        ("covered.class", True),
        ("META-INF/services/x", False),
        ("other.class", False),
    ],
)
def test_parts_of_a_signature(name: str, is_signed: bool, tmp_path: Path) -> None:
    names = [b"META-INF/MANIFEST.MF", b"META-INF/A.RSA", b"covered.class", b"META-INF/services/x"]
    signature = member(b"META-INF/A.SF", b"Signature-Version: 1.0\n\nName: covered.class\n")
    data = archive_of(*(member(one, b"") for one in names), signature, member(b"other.class", b""))
    (tmp_path / "in.jar").write_bytes(data)
    with open_archive(tmp_path / "in.jar") as archive:
        if is_signed:
            with pytest.raises(RewriteRefused, match="signed") as raised:
                archive.refuse_edit(name)
            assert raised.value.path == name
        else:
            archive.refuse_edit(name)


def test_the_manifest_of_a_jar_stays_first(tmp_path: Path) -> None:
    data = archive_of(member(b"META-INF/MANIFEST.MF", b"Main-Class: a\n"), member(b"a.class", b"\xca\xfe"))
    (tmp_path / "in.jar").write_bytes(data)
    with open_archive(tmp_path / "in.jar") as archive:
        changes = [Replace("META-INF/MANIFEST.MF", b"Main-Class: b\n"), Add("new.class", b"")]
        archive.write(changes, Target(tmp_path / "out.jar"))
    with zipfile.ZipFile(tmp_path / "out.jar") as check:
        assert check.namelist() == ["META-INF/MANIFEST.MF", "a.class", "new.class"]
        assert check.infolist()[0].header_offset == 0


def test_a_comment_that_was_edited_since_stays(tmp_path: Path) -> None:
    data = archive_of(member(b"a.py", b"1\n"), comment=b"the first")
    round_trip(data, tmp_path, "a.py")
    with zipfile.ZipFile(tmp_path / "out.zip", "a") as edited:
        edited.comment = b"the second"
    with open_archive(tmp_path / "out.zip") as protected:
        protected.write(undoing("a.py")(protected), Target(tmp_path / "again.zip"))
    with zipfile.ZipFile(tmp_path / "again.zip") as check:
        assert (check.comment, check.read("a.py")) == (b"the second", b"1\n")


def test_other_members_that_were_edited_since_stay(tmp_path: Path) -> None:
    data = archive_of(member(b"a.py", b"1\n"), member(b"b.py", b"2\n"), member(b"c.py", b"3\n"))
    round_trip(data, tmp_path, "b.py")
    with open_archive(tmp_path / "out.zip") as protected:
        changes = [Drop("a.py"), Replace("c.py", b"mine\n"), Add("d.py", b"new\n")]
        protected.write(changes, Target(tmp_path / "edited.zip"))
    with open_archive(tmp_path / "edited.zip") as edited:
        edited.write(undoing("b.py")(edited), Target(tmp_path / "again.zip"))
    with zipfile.ZipFile(tmp_path / "again.zip") as check:
        contents = {name: check.read(name) for name in check.namelist()}
    assert contents == {"b.py": b"2\n", "c.py": b"mine\n", "d.py": b"new\n"}


@pytest.mark.parametrize("unpacked", [True, False])
def test_one_backup_serves_zips_and_folders(unpacked: bool, tmp_path: Path) -> None:
    """A protected ZIP that was unpacked, and a protected folder that was packed, are restored alike."""
    names = ["a.py", "run.sh"]
    source = tmp_path / "in"
    source.mkdir()
    (source / "a.py").write_bytes(b"1\n")
    (source / "run.sh").write_bytes(b"#!/bin/sh\n")
    (source / "run.sh").chmod(0o755)
    if unpacked:
        with open_archive(source) as archive:
            archive.write([], Target(tmp_path / "in.zip", as_zip=True))
        source = tmp_path / "in.zip"
    with open_archive(source) as archive:
        changes = [Replace("a.py", b"changed"), Drop("run.sh"), Add(BACKUP, archive.backup(names))]
        archive.write(changes, Target(tmp_path / "out"))
    if unpacked:
        (tmp_path / "out").rename(tmp_path / "out.zip")
        with zipfile.ZipFile(tmp_path / "out.zip") as protected_zip:
            protected_zip.extractall(tmp_path / "other")
    else:
        with open_archive(tmp_path / "out") as archive:
            archive.write([], Target(tmp_path / "other", as_zip=True))
    with open_archive(tmp_path / "other") as protected:
        protected.write(undoing(*names)(protected), Target(tmp_path / "back"))
    with open_archive(tmp_path / "back") as back:
        found = {
            name: (back.read(name), one.mode) for name, one in back.members.items() if one.kind is Kind.FILE
        }
    assert found == {"a.py": (b"1\n", 0o644), "run.sh": (b"#!/bin/sh\n", 0o755)}


def test_bombs_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    packed = zlib.compress(bytes(100), 9, -15)
    bomb = member(b"bomb", b"", method=8, packed=packed, size=1 << 30)
    (tmp_path / "in.zip").write_bytes(archive_of(member(b"a.py", b"1\n"), bomb))
    with pytest.raises(PackageError, match="looks like a bomb") as raised:
        open_archive(tmp_path / "in.zip")
    assert raised.value.path == f"{tmp_path / 'in.zip'}:bomb"
    with open_archive(tmp_path / "in.zip", Limits(ratio=1 << 30)) as archive:
        assert archive.members["bomb"].size == 1 << 30


def test_a_stored_member_with_two_sizes(tmp_path: Path) -> None:
    (tmp_path / "in.zip").write_bytes(archive_of(member(b"a.py", b"1\n", size=3)))
    with pytest.raises(PackageError, match="two different sizes"):
        open_archive(tmp_path / "in.zip")


@pytest.mark.parametrize("mode", [0o100644, 0o120777])
def test_no_new_member_below_a_file_or_link(mode: int, tmp_path: Path) -> None:
    record, entry = member(b"twistlock", b"/etc")
    entry = entry[:38] + struct.pack("<I", mode << 16) + entry[42:]
    (tmp_path / "in.zip").write_bytes(archive_of(member(b"a.py", b"1\n"), (record, entry)))
    with open_archive(tmp_path / "in.zip") as archive:
        with pytest.raises(RewriteRefused, match="a folder is needed") as raised:
            archive.write([Add("twistlock/x/y", b"")], Target(tmp_path / "out.zip"))
        assert raised.value.path == "twistlock"
        archive.write([Drop("twistlock"), Add("twistlock/x", b"")], Target(tmp_path / "out.zip"))
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_no_new_file_through_a_link_in_a_folder(tmp_path: Path) -> None:
    root, outside = tmp_path / "app", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "twistlock").symlink_to(outside)
    for target in (Target(root, in_place=True), Target(tmp_path / "out")):
        with open_archive(root) as archive, pytest.raises(RewriteRefused, match="a folder is needed"):
            archive.write([Add("twistlock/x", b"")], target)
    assert list(outside.iterdir()) == []
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("in_place", [False, True])
def test_a_zip_that_changes_while_it_is_copied(in_place: bool, tmp_path: Path) -> None:
    source = tmp_path / "in.zip"
    source.write_bytes(archive_of(member(b"a.py", b"1\n")))
    target = Target(source if in_place else tmp_path / "out.zip", in_place=in_place)
    with open_archive(source) as archive:
        os.utime(source, ns=(1, 1))
        with pytest.raises(PackageError, match="changed while it was read"):
            archive.write([Add("b.py", b"")], target)
    assert [path.name for path in tmp_path.iterdir()] == ["in.zip"]


@pytest.mark.parametrize("in_place", [False, True])
def test_a_file_that_is_edited_between_reading_and_writing(in_place: bool, tmp_path: Path) -> None:
    root = tmp_path / "app"
    root.mkdir()
    (root / "a.py").write_bytes(b"1\n")
    with open_archive(root) as archive:
        changes = [Replace("a.py", archive.read("a.py") + b"2\n")]
        (root / "a.py").write_bytes(b"their edit\n")
        with pytest.raises(PackageError, match="changed while it was read"):
            archive.read("a.py")
        with pytest.raises(PackageError, match="changed while it was read"):
            archive.write(changes, Target(root if in_place else tmp_path / "out", in_place=in_place))
    assert (root / "a.py").read_bytes() == b"their edit\n"
    assert [path.name for path in tmp_path.iterdir()] == ["app"]


def test_two_runs_in_one_folder(tmp_path: Path) -> None:
    """While one writes in place, another neither writes nor rolls the first one back."""
    import fcntl

    root = tmp_path / "app"
    (root / ".defender-stage").mkdir(parents=True)
    (root / "a.py").write_bytes(b"1\n")
    first = os.open(root, os.O_RDONLY)
    fcntl.flock(first, fcntl.LOCK_EX)
    with pytest.raises(PackageError, match="another run"):
        open_archive(root)
    (root / ".defender-stage").rmdir()
    with open_archive(root) as archive, pytest.raises(PackageError, match="another run"):
        archive.write([Replace("a.py", b"2\n")], Target(root, in_place=True))
    os.close(first)
    assert (root / "a.py").read_bytes() == b"1\n"
    with open_archive(root) as archive:
        archive.write([Replace("a.py", b"2\n")], Target(root, in_place=True))
    assert {path.name: path.read_bytes() for path in root.iterdir()} == {"a.py": b"2\n"}
