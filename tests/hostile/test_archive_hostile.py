"""Archives made to confuse, overrun or exhaust: each is refused with its reason, and no output is left."""

from __future__ import annotations

import io
import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from defender.archive import Add, Limits, Replace, Target, open_archive
from defender.errors import DefenderError, PackageError

HANDLER = b"def lambda_handler(event, context):\n    return 1\n"


def good(*names: str, content: bytes = HANDLER, method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name in names or ("lambda_function.py",):
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return buffer.getvalue()


def patched(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def in_directory(offset: int, new: bytes) -> bytes:
    """The sample with other bytes at an offset of its first directory entry."""
    data = good()
    return patched(data, data.index(b"PK\1\2") + offset, new)


def in_end(offset: int, new: bytes) -> bytes:
    data = good()
    return patched(data, data.rindex(b"PK\5\6") + offset, new)


def shared_record() -> bytes:
    """Two entries that point to one record, as in zip bombs without recursion."""
    data = good("a.py", "b.py")
    second = data.index(b"PK\1\2", data.index(b"PK\1\2") + 4)
    return patched(data, second + 42, struct.pack("<I", 0))


def overlapping() -> bytes:
    """A first member whose data reaches into the second's record."""
    data = good("a.py", "b.py")
    size = struct.pack("<I", len(HANDLER) + 40)
    data = patched(data, 18, size)
    data = patched(data, 22, size)
    first = data.index(b"PK\1\2")
    return patched(patched(data, first + 20, size), first + 24, size)


def two_ends() -> bytes:
    """An end record within the comment of another: readers pick different directories."""
    data = good()
    end = data[data.rindex(b"PK\5\6") :]
    head = data[: data.rindex(b"PK\5\6")]
    return head + end[:20] + struct.pack("<H", len(end)) + end


def in_sizes(packed: int | None, size: int, method: int = 0) -> bytes:
    """The sample with other sizes, and method, in record and directory alike."""
    data = good()
    first = data.index(b"PK\1\2")
    for at in (18, first + 20):
        if packed is not None:
            data = patched(data, at, struct.pack("<I", packed))
        data = patched(data, at + 4, struct.pack("<I", size))
        data = patched(data, at - 10, struct.pack("<H", method))
    return data


def two_directories() -> bytes:
    """A ZIP64 end that names another directory than the classic one: readers pick different files."""
    data = good()
    end = data.rindex(b"PK\5\6")
    count, size, offset = 1, end - data.index(b"PK\1\2"), 0
    wide = b"PK\6\6" + struct.pack("<Q2H2I4Q", 44, 45, 45, 0, 0, count, count, size, offset)
    locator = b"PK\6\7" + struct.pack("<IQI", 0, end, 1)
    return data[:end] + wide + locator + data[end:]


def renamed(name: bytes, other: bytes) -> bytes:
    """The name in the record differs from the one in the directory."""
    data = good(name.decode())
    return data.replace(name, other, 1)


def twice(name: str, other: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), HANDLER)
        info = zipfile.ZipInfo(other)
        archive.writestr(info, b"" if other.endswith("/") else HANDLER)
    return buffer.getvalue()


def raw_name(name: bytes) -> bytes:
    """Python writes no such names: a placeholder of the same length is patched."""
    data = good("x" * len(name))
    return data.replace(b"x" * len(name), name)


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty file": (lambda: b"", "empty"),
    "text": (lambda: b"just text, and no archive at all", "no ZIP file"),
    "gzip": (lambda: b"\x1f\x8b\x08" + bytes(40), "no ZIP file"),
    "cut off in the data": (lambda: good()[:40], "no ZIP file"),
    "cut off in the end": (lambda: good()[:-3], "cut off"),
    "bytes appended": (lambda: good() + b"\n", "cut off, or bytes were appended"),
    "no members": (lambda: b"PK\5\6" + bytes(18), "no files"),
    "two ends": (two_ends, "two ends"),
    "several disks": (lambda: in_end(4, b"\1\0"), "several files"),
    "count differs": (lambda: in_end(8, b"\2\0"), "several files"),
    "count too high": (lambda: in_end(8, b"\2\0\2\0"), "damaged"),
    "directory outside": (lambda: in_end(12, struct.pack("<I", 1 << 20)), "outside of the file"),
    "directory damaged": (lambda: in_directory(0, b"XX"), "damaged"),
    "entry too long": (lambda: in_directory(28, b"\xff\xff"), "damaged"),
    "record outside": (lambda: in_directory(42, struct.pack("<I", 1 << 24)), "outside of the file"),
    "record damaged": (lambda: patched(good(), 0, b"XX"), "record is damaged"),
    "method differs": (lambda: in_directory(10, b"\x08\0"), "other flags or another method"),
    "flags differ": (lambda: in_directory(8, b"\2\0"), "other flags or another method"),
    "size differs": (lambda: in_directory(24, struct.pack("<I", 7)), "another size or checksum"),
    "checksum differs": (lambda: in_directory(16, b"\0\0\0\0"), "another size or checksum"),
    "name differs": (lambda: renamed(b"lambda_function.py", b"lambda_functiom.py"), "another name"),
    "shared record": (shared_record, "another name|overlaps"),
    "overlapping": (overlapping, "overlaps"),
    "same name twice": (lambda: good("a.py", "b.py").replace(b"b.py", b"a.py"), "two members have this name"),
    "same but for dot": (lambda: twice("a.py", "./a.py"), "two members have this name"),
    "same but for slash": (lambda: twice("a.py", "a.py/"), "two members have this name"),
    "same but for slashes": (lambda: twice("a/b.py", "a//b.py"), "two members have this name"),
    "file and folder": (lambda: twice("a", "a/b.py"), "a file and a folder at once"),
    "climbs out": (lambda: good("../a.py"), "climbs out"),
    "climbs out inside": (lambda: good("a/../../b.py"), "climbs out"),
    "climbs out by backslash": (lambda: raw_name(b"..\\a.py"), "climbs out"),
    "absolute": (lambda: raw_name(b"/etc/passwd"), "absolute"),
    "backslash": (lambda: raw_name(b"pkg\\a.py"), "backslash"),
    "bomb by its own account": (lambda: in_sizes(None, 0xFFFFFFF0, method=8), "looks like a bomb"),
    "stored in two sizes": (lambda: in_sizes(None, len(HANDLER) + 1), "two different sizes"),
    "two directories": (two_directories, "two ends"),
    "absolute by drive": (lambda: raw_name(b"c:/a.py"), "absolute"),
    "holds NUL": (lambda: raw_name(b"a\0b.py"), "NUL"),
    "name no UTF-8": (
        lambda: good("é.py").replace("é".encode(), b"\xff\xfe"),
        "no UTF-8",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_hostile_archives_are_refused(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, defender: Callable[..., tuple[int, str, str]]
) -> None:
    made, message = REFUSED[case]
    monkeypatch.chdir(tmp_path)
    Path("in.zip").write_bytes(made())
    status, stdout, stderr = defender("embed", "in.zip")
    assert (status, stdout) == (3, "")
    assert re.search(message, stderr), stderr
    assert "in.zip" in stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in.zip"]


def open_with(data: bytes, path: Path, limits: Limits | None = None) -> DefenderError:
    path.write_bytes(data)
    with pytest.raises(DefenderError) as caught, open_archive(path, limits or Limits()) as archive:
        archive.read("lambda_function.py")
    return caught.value


def test_a_bomb_is_not_inflated(tmp_path: Path) -> None:
    bomb = good(content=bytes(1 << 20), method=zipfile.ZIP_DEFLATED)
    error = open_with(bomb, tmp_path / "in.zip", Limits(ratio=100))
    assert "bomb" in str(error)


def test_a_member_that_inflates_to_more_than_it_says(tmp_path: Path) -> None:
    data = good(content=bytes(100_000), method=zipfile.ZIP_DEFLATED)
    size = struct.pack("<I", 1000)
    data = patched(data, 22, size)
    data = patched(data, data.index(b"PK\1\2") + 24, size)
    assert "damaged" in str(open_with(data, tmp_path / "in.zip"))


def test_the_total_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "in.zip").write_bytes(good("a", "b"))
    with pytest.raises(PackageError, match="inflates to"):
        open_archive(tmp_path / "in.zip", Limits(total=80))


def test_the_number_of_members_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "in.zip").write_bytes(good("a", "b"))
    with pytest.raises(PackageError, match="over 1"):
        open_archive(tmp_path / "in.zip", Limits(members=1))


@pytest.mark.parametrize(
    ("offset", "value", "reason"), [(8, b"\1\0", "encrypted"), (10, b"\x63\0", "method 99")]
)
def test_what_need_not_be_read_may_be_unreadable(
    offset: int, value: bytes, reason: str, tmp_path: Path
) -> None:
    """Encrypted members and unknown methods pass through untouched; only reading them is refused."""
    data = good("a.py", "secret")
    second = data.index(b"secret") - 30
    entry = data.index(b"PK\1\2", data.index(b"PK\1\2") + 4)
    data = patched(patched(data, second + offset - 2, value), entry + offset, value)
    (tmp_path / "in.zip").write_bytes(data)
    with open_archive(tmp_path / "in.zip") as archive:
        archive.write([Add("n", b"x")], Target(tmp_path / "out.zip"))
        with pytest.raises(PackageError, match=reason):
            archive.read("secret")
    with open_archive(tmp_path / "out.zip") as after:
        assert list(after.members) == ["a.py", "secret", "n"]


@pytest.mark.parametrize("damage", range(0, 140, 3))
def test_a_flipped_byte_never_gives_a_traceback(damage: int, tmp_path: Path) -> None:
    data = bytearray(good("a.py", "b.py"))
    at = damage * len(data) // 140
    data[at] ^= 0x55
    (tmp_path / "in.zip").write_bytes(data)
    try:
        with open_archive(tmp_path / "in.zip") as archive:
            for name in list(archive.members):
                archive.read(name)
            archive.write([Replace(next(iter(archive.members)), b"new")], Target(tmp_path / "out.zip"))
    except DefenderError:
        assert not (tmp_path / "out.zip").exists()
