"""The folder that the attacks on files happen in: what lies there, and what has become of it."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import socket
import sqlite3
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

TOKEN = "token-0000000000"
# How deep a folder lies that no path leads to.
DEEP = ["d" * 200] * 21


class Place:
    """A folder with a denied and an allowed part; its files are made anew for each attempt."""

    def __init__(self, base: Path, library: bytes) -> None:
        self.base, self.area, self.open = base, base / "area", base / "open"
        self.denied = self.area / "denied"
        self.shared = Path("/dev/shm") / f"tw-{os.getpid()}-{base.name}"
        self.semaphore = Path("/dev/shm") / f"sem.{self.shared.name}"
        self._stock = {
            "library.so": library,
            "database": _database(base),
            "denied_module.py": f'VALUE = "{TOKEN}"\n'.encode(),
            "denied_module.js": f'exports.VALUE = "{TOKEN}";\n'.encode(),
        }
        self._count = 0
        self._server: socket.socket | None = None
        self.token = TOKEN

    @property
    def lists(self) -> tuple[str, ...]:
        """What the policy denies."""
        return (str(self.denied), str(self.shared), f"{self.shared}-there", str(self.semaphore))

    def renew(self, way: str) -> None:
        """Put every file back, with another secret; some ways need a thing more."""
        self._count += 1
        self.token = f"token-{self._count:010}"
        self.clear()
        for folder in (self.denied / "folder", self.denied / "empty", self.open / "folder"):
            folder.mkdir(parents=True)
        for name, data in self._stock.items():
            (self.denied / name).write_bytes(data.replace(TOKEN.encode(), self.token.encode()))
        (self.denied / "package.zip").write_bytes(_package(self.token))
        (self.denied / "secret").write_text(self.token)
        (self.denied / f"name-{self.token}").touch()
        (self.denied / "folder" / "inner").write_text(self.token)
        (self.denied / "folder" / f"name-{self.token}").touch()
        for plain in (self.open / "plain", self.open / "folder" / "secret", self.area / "file"):
            plain.write_text("plain")
        (self.shared.parent / f"{self.shared.name}-there").touch()
        self._link()
        if "deep" in way:
            self._dig()
        if "somebody" in way:
            self._listen()
        if "hard" in way:
            os.link(self.denied / "secret", self.open / "hard")

    def _link(self) -> None:
        links = {
            "link": self.denied / "secret",
            "relative_link": "../area/denied/secret",
            "chain": "link",
            "folder_link": self.denied,
            "dangling": self.denied / "new",
            "dangling_folder": "../area/denied/../denied",
        }
        for name, target in links.items():
            (self.open / name).symlink_to(target)

    def _dig(self) -> None:
        """The secret of the way that leads deeper than any path."""
        above = os.open(self.denied, os.O_RDONLY)
        for name in ["deep", *DEEP]:
            os.mkdir(name, dir_fd=above)
            folder = os.open(name, os.O_RDONLY, dir_fd=above)
            os.close(above)
            above = folder
        with os.fdopen(os.open("secret", os.O_CREAT | os.O_WRONLY, dir_fd=above), "w") as file:
            file.write(self.token)
        os.close(above)

    def _listen(self) -> None:
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(self.denied / "socket"))
        self._server.listen()
        self._server.setblocking(False)

    def is_reached(self) -> bool:
        """Whether somebody has connected to the socket that lies there."""
        if self._server is None:
            return False
        with self._server, contextlib.suppress(BlockingIOError):
            self._server.accept()[0].close()
            return True
        return False

    def clear(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for entry in self.base.iterdir():
            shutil.rmtree(entry)
        for path in self.lists[1:]:
            Path(path).unlink(missing_ok=True)

    def state(self) -> list[tuple[object, ...]]:
        """Everything about the denied files that an attempt could have changed; times are left out."""
        found: list[tuple[object, ...]] = [(path, os.path.exists(path)) for path in self.lists]
        with contextlib.suppress(FileNotFoundError):
            for folder, folders, files, descriptor in os.fwalk(os.fsencode(self.denied)):
                found += [(folder, name, *_facts(name, descriptor)) for name in (b".", *folders, *files)]
        return sorted(found, key=repr)


def _facts(name: bytes, folder: int) -> Iterator[object]:
    status = os.lstat(name, dir_fd=folder)
    yield from (status.st_mode, status.st_uid, status.st_gid, status.st_nlink)
    if stat.S_ISLNK(status.st_mode):
        yield os.readlink(name, dir_fd=folder)
    if stat.S_ISREG(status.st_mode):
        with open(name, "rb", opener=lambda path, flags: os.open(path, flags, dir_fd=folder)) as file:
            yield file.read()


def _database(base: Path) -> bytes:
    path = base / "database"
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("CREATE TABLE things (name TEXT)")
        connection.execute("INSERT INTO things VALUES (?)", (TOKEN,))
    data = path.read_bytes()
    path.unlink()
    return data


def _package(token: str) -> bytes:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("denied_module.py", f'VALUE = "{token}"\n')
    return package.getvalue()
