"""Denied files opened and folders read through Python's standard library."""

import codecs
import fileinput
import glob
import io
import linecache
import logging
import mmap
import os
import pathlib
import shutil
import sqlite3
import tarfile
import tempfile

from native import HERE, call
from ways import close, contents, descriptor, read, way, ways, write

_FOLLOW = 0x400  # AT_SYMLINK_FOLLOW


@ways("open")
def _builtin():
    return {
        "r": lambda at: read(at.secret),
        "rb_unbuffered": lambda at: open(at.secret, "rb", buffering=0).read().decode(),
        "w": lambda at: write(at.secret),
        "w_new": lambda at: write(at.new),
        "a": lambda at: write(at.secret, "a"),
        "x": lambda at: write(at.new, "x"),
        "r_plus": lambda at: write(at.secret, "r+"),
        "w_plus": lambda at: write(at.new, "w+"),
        "with_opener": lambda at: read(at.secret, opener=lambda path, flags: os.open(path, flags)),
    }


@ways("os_open")
def _flags():
    create = os.O_CREAT | os.O_WRONLY
    return {
        "readonly": lambda at: contents(os.open(at.secret, os.O_RDONLY)),
        "nofollow": lambda at: contents(os.open(at.secret, os.O_RDONLY | os.O_NOFOLLOW)),
        "bytes": lambda at: contents(os.open(os.fsencode(at.secret), os.O_RDONLY)),
        "writeonly": lambda at: _put(os.open(at.secret, os.O_WRONLY)),
        "both": lambda at: _put(os.open(at.secret, os.O_RDWR)),
        "append": lambda at: _put(os.open(at.secret, os.O_WRONLY | os.O_APPEND)),
        "create": lambda at: close(os.open(at.new, create)),
        "create_exclusive": lambda at: close(os.open(at.new, create | os.O_EXCL, 0o600)),
        "create_readonly": lambda at: close(os.open(at.new, os.O_CREAT | os.O_RDONLY)),
        "truncate": lambda at: close(os.open(at.secret, os.O_WRONLY | os.O_TRUNC)),
        "truncate_readonly": lambda at: close(os.open(at.secret, os.O_RDONLY | os.O_TRUNC)),
        "directory": lambda at: _listed(os.open(at.denied, os.O_RDONLY | os.O_DIRECTORY)),
        "unnamed": _unnamed,
        "unnamed_linked_into": _unnamed_linked_into,
    }


def _put(opened):
    try:
        return os.write(opened, b"changed")
    finally:
        os.close(opened)


def _listed(opened):
    try:
        return sorted(os.listdir(opened))
    finally:
        os.close(opened)


def _unnamed(at):
    """A file without a name takes room in the folder's file system, and gets its name later."""
    with descriptor(at.denied, os.O_TMPFILE | os.O_RDWR) as opened:
        call("linkat", HERE, f"/proc/self/fd/{opened}", HERE, at.new, _FOLLOW)


def _unnamed_linked_into(at):
    with descriptor(at.open, os.O_TMPFILE | os.O_RDWR) as opened:
        call("linkat", HERE, f"/proc/self/fd/{opened}", HERE, at.new, _FOLLOW)


@ways("io")
def _io():
    return {
        "fileio": lambda at: io.FileIO(at.secret).read().decode(),
        "fileio_w": lambda at: io.FileIO(at.new, "w").close(),
        "open_code": lambda at: io.open_code(at.secret).read().decode(),
        "codecs": lambda at: codecs.open(at.secret, encoding="utf-8").read(),
        "fileinput": lambda at: list(fileinput.input(at.secret)),
    }


@ways("pathlib")
def _pathlib():
    path = pathlib.Path
    return {
        "open": lambda at: path(at.secret).open().read(),
        "read_text": lambda at: path(at.secret).read_text(),
        "read_bytes": lambda at: path(at.secret).read_bytes().decode(),
        "write_text": lambda at: path(at.new).write_text("changed"),
        "write_bytes": lambda at: path(at.secret).write_bytes(b"changed"),
        "touch": lambda at: path(at.new).touch(),
        "unlink": lambda at: path(at.secret).unlink(),
        "rename": lambda at: str(path(at.secret).rename(at.mine)),
        "replace": lambda at: str(path(at.plain).replace(at.secret)),
        "mkdir": lambda at: path(at.new).mkdir(),
        "rmdir": lambda at: path(at.empty).rmdir(),
        "chmod": lambda at: path(at.secret).chmod(0o777),
        "symlink_to": lambda at: path(at.new).symlink_to(at.plain),
        "hardlink_to": lambda at: path(at.mine).hardlink_to(at.secret),
        "iterdir": lambda at: sorted(map(str, path(at.denied).iterdir())),
    }


@ways("shutil")
def _shutil():
    return {
        "copy_from": lambda at: read(shutil.copy(at.secret, at.mine)),
        "copy_into": lambda at: shutil.copy(at.plain, at.new),
        "copyfile_over": lambda at: shutil.copyfile(at.plain, at.secret),
        "copytree_from": lambda at: read(shutil.copytree(at.folder, at.mine) + "/inner"),
        "copytree_into": lambda at: shutil.copytree(at.open + "/folder", at.new),
        "move_out": lambda at: read(shutil.move(at.secret, at.mine)),
        "move_into": lambda at: shutil.move(at.plain, at.new),
        "rmtree": lambda at: shutil.rmtree(at.folder),
        "chown": lambda at: shutil.chown(at.secret, 12, 34),
    }


@ways("tempfile")
def _tempfile():
    return {
        "mkstemp": lambda at: close(tempfile.mkstemp(dir=at.denied)[0]),
        "mkdtemp": lambda at: tempfile.mkdtemp(prefix="tmp", dir=at.denied) and None,
        "named": lambda at: tempfile.NamedTemporaryFile(dir=at.denied, delete=False).close(),
    }


@way
def sqlite3_create(at):
    with sqlite3.connect(at.new) as connection:
        connection.execute("CREATE TABLE things (name TEXT)")
    connection.close()


@way
def sqlite3_read(at):
    connection = sqlite3.connect(at.denied + "/database")
    try:
        return connection.execute("SELECT name FROM things").fetchall()
    finally:
        connection.close()


@way
def sqlite3_attach(at):
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("ATTACH ? AS other", (at.denied + "/database",))
        return connection.execute("SELECT name FROM other.things").fetchall()
    finally:
        connection.close()


@way
def mmap_read(at):
    with open(at.secret, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        return mapped[:].decode()


@way
def mmap_write(at):
    with open(at.secret, "r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        mapped[:4] = b"gone"


@way
def logging_handler(at):
    logging.FileHandler(at.new).close()


@way
def tarfile_extract(at):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("new"))
    archive.seek(0)
    with tarfile.open(fileobj=archive) as tar, tar.extractfile("new") as source, open(at.new, "wb") as target:
        shutil.copyfileobj(source, target)


@way
def linecache_lines(at):
    """It takes a file that can't be opened for an empty one."""
    try:
        return linecache.getlines(at.secret)
    finally:
        linecache.clearcache()


@way
def glob_names(at):
    """It takes a folder that can't be read for an empty one."""
    return sorted(glob.glob(at.denied + "/name-*"))
