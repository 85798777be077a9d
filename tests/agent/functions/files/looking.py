"""What is no use of a file, and calls that fail by themselves: both stay as they are."""

import contextlib
import ctypes
import os
import shutil

from native import HERE, call
from ways import close, contents, descriptor, read, ways, write


@ways("look")
def _looks():
    return {
        "stat": lambda at: os.stat(at.secret).st_size,
        "lstat": lambda at: os.lstat(at.open + "/folder_link").st_size > 0,
        "stat_at": _stat_at,
        "access": lambda at: os.access(at.secret, os.R_OK | os.W_OK),
        "exists": lambda at: [os.path.exists(path) for path in (at.secret, at.new, at.folder)],
        "kinds": lambda at: [os.path.isdir(at.denied), os.path.isfile(at.secret), os.path.islink(at.secret)],
        "readlink": lambda at: os.readlink(at.open + "/relative_link"),
        "realpath": lambda at: os.path.realpath(at.open + "/folder_link") == at.denied,
        "which": lambda at: shutil.which("secret", path=at.denied),
        "statvfs": lambda at: os.statvfs(at.denied).f_namemax,
        "path_descriptor": lambda at: close(os.open(at.secret, os.O_PATH)),
        "chdir": _chdir,
        "beside": lambda at: [read(at.plain), read(at.area + "/file"), sorted(os.listdir(at.area))],
        "same_beginning": _same_beginning,
        "unlink_link_into": lambda at: os.unlink(at.open + "/link"),
        "rename_link_into": lambda at: os.rename(at.open + "/link", at.mine),
        "link_to_denied": lambda at: os.symlink(at.secret, at.mine),
    }


def _stat_at(at):
    with descriptor(at.denied) as folder:
        return os.stat("secret", dir_fd=folder).st_size


def _chdir(at):
    before = os.getcwd()
    try:
        os.chdir(at.denied)
        return os.getcwd() == at.denied
    finally:
        os.chdir(before)


def _same_beginning(at):
    os.mkdir(at.denied + "-not")
    write(at.denied + "-not/secret")
    return read(at.denied + "-not/secret")


def _told(attack):
    """The error's number: what a caller sees of a failed call."""

    def told(at):
        with contextlib.suppress(NotImplementedError):
            try:
                return attack(at)
            except OSError as error:
                return -error.errno
        return None

    return told


@ways("fails")
def _failures():
    missing = {
        "read_missing": lambda at: read(at.new),
        "read_below_missing": lambda at: read(at.new + "/below"),
        "create_below_missing": lambda at: write(at.new + "/below"),
        "update_missing": lambda at: write(at.new, "r+"),
        "list_missing": lambda at: os.listdir(at.new),
        "unlink_missing": lambda at: os.unlink(at.new),
        "rmdir_missing": lambda at: os.rmdir(at.new),
        "rename_missing": lambda at: os.rename(at.new, at.mine),
        "link_missing": lambda at: os.link(at.new, at.mine),
        "truncate_missing": lambda at: os.truncate(at.new, 1),
        "chmod_missing": lambda at: os.chmod(at.new, 0o600),
        "dangling": lambda at: read(at.open + "/dangling"),
        "opendir_missing": lambda at: call("opendir", at.new),
        "read_missing_at": _read_missing_at,
    }
    others = {
        "below_a_file": lambda at: read(at.plain + "/below"),
        "slash_after_file": lambda at: read(at.plain + "/"),
        "loop": _loop,
        "long_name": lambda at: read(at.open + "/" + "n" * 256),
        "long_path": lambda at: read(at.open + "/." * 2048),
        "empty_path": lambda at: read(""),
        "folder_for_writing": lambda at: write(at.open + "/folder"),
        "exists_exclusively": lambda at: write(at.plain, "x"),
        "exists_mkdir": lambda at: os.mkdir(at.open + "/folder"),
        "link_itself": lambda at: os.open(at.open + "/link", os.O_RDONLY | os.O_NOFOLLOW),
        "exclusive_through_link": lambda at: write(at.open + "/dangling", "x"),
        "no_folder": lambda at: os.open(at.plain, os.O_RDONLY | os.O_DIRECTORY),
        "no_descriptor": lambda at: os.open("plain", os.O_RDONLY, dir_fd=9999),
        "file_as_folder": _file_as_folder,
        "bad_address": lambda at: call("open", ctypes.c_void_p(8), os.O_RDONLY),
        "no_address": lambda at: call("openat", HERE, None, os.O_RDONLY),
        "bad_address_rename": lambda at: call("rename", ctypes.c_void_p(8), ctypes.c_void_p(8)),
        "bad_flags": lambda at: os.open(at.plain, os.O_TMPFILE),
        "not_empty": lambda at: os.rmdir(at.open),
    }
    return {name: _told(attack) for name, attack in (missing | others).items()}


def _read_missing_at(at):
    with descriptor(at.denied) as folder:
        return contents(os.open("new", os.O_RDONLY, dir_fd=folder))


def _loop(at):
    os.symlink(at.mine, at.mine)
    return read(at.mine)


def _file_as_folder(at):
    with descriptor(at.plain) as file:
        return contents(os.open("below", os.O_RDONLY, dir_fd=file))
