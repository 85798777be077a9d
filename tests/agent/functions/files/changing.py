"""Denied files made, changed and taken away, and folders listed, through the module os."""

import os
import socket
import stat
import subprocess

from ways import descriptor, free_descriptors, inside, read, way, ways


@ways("os")
def _one_path():
    return {
        "unlink": lambda at: os.unlink(at.secret),
        "remove": lambda at: os.remove(at.secret),
        "mkdir": lambda at: os.mkdir(at.new),
        "makedirs": lambda at: os.makedirs(at.new + "/below"),
        "rmdir": lambda at: os.rmdir(at.empty),
        "removedirs": lambda at: os.removedirs(at.empty),
        "mkfifo": lambda at: os.mkfifo(at.new),
        "mknod": lambda at: os.mknod(at.new, 0o600 | stat.S_IFREG),
        "truncate": lambda at: os.truncate(at.secret, 3),
        "chmod": lambda at: os.chmod(at.secret, 0o777),
        "chown": lambda at: os.chown(at.secret, 12, 34),
        "lchown": lambda at: os.lchown(at.secret, 12, 34),
    }


@ways("os")
def _two_paths():
    return {
        "rename_out": lambda at: os.rename(at.secret, at.mine),
        "rename_into": lambda at: os.rename(at.plain, at.new),
        "rename_over": lambda at: os.rename(at.plain, at.secret),
        "rename_within": lambda at: os.rename(at.secret, at.new),
        "rename_folder_out": lambda at: os.rename(at.folder, at.mine),
        "rename_folder_into": lambda at: os.rename(at.open + "/folder", at.new),
        "rename_denied_folder": lambda at: os.rename(at.denied, at.mine),
        "rename_parent": lambda at: os.rename(at.area, at.mine),
        "rename_parent_and_read": _rename_parent_and_read,
        "replace_out": lambda at: os.replace(at.secret, at.mine),
        "replace_over": lambda at: os.replace(at.plain, at.secret),
        "renames": lambda at: os.renames(at.secret, at.mine),
        "link_out": lambda at: os.link(at.secret, at.mine),
        "link_into": lambda at: os.link(at.plain, at.new),
        "symlink_into": lambda at: os.symlink(at.plain, at.new),
    }


def _rename_parent_and_read(at):
    os.rename(at.area, at.mine)
    return read(at.mine + "/denied/secret")


@ways("os_at")
def _descriptors():
    """The same relative to a descriptor of the folder above."""

    def at_area(call):
        def attack(at):
            with descriptor(at.area) as area:
                return call(area)

        return attack

    return {
        "open_create": at_area(lambda area: os.close(os.open("denied/new", os.O_CREAT, dir_fd=area))),
        "unlink": at_area(lambda area: os.unlink("denied/secret", dir_fd=area)),
        "mkdir": at_area(lambda area: os.mkdir("denied/new", dir_fd=area)),
        "rmdir": at_area(lambda area: os.rmdir("denied/empty", dir_fd=area)),
        "mkfifo": at_area(lambda area: os.mkfifo("denied/new", dir_fd=area)),
        "mknod": at_area(lambda area: os.mknod("denied/new", dir_fd=area)),
        "chmod": at_area(lambda area: os.chmod("denied/secret", 0o777, dir_fd=area)),
        "chown": at_area(lambda area: os.chown("denied/secret", 12, 34, dir_fd=area)),
        "symlink": at_area(lambda area: os.symlink("x", "denied/new", dir_fd=area)),
        "rename_out": at_area(
            lambda area: os.rename("denied/secret", "mine", src_dir_fd=area, dst_dir_fd=area)
        ),
        "rename_into": at_area(
            lambda area: os.rename("file", "denied/new", src_dir_fd=area, dst_dir_fd=area)
        ),
        "link_out": at_area(lambda area: os.link("denied/secret", "mine", src_dir_fd=area, dst_dir_fd=area)),
        "link_into": at_area(lambda area: os.link("file", "denied/new", src_dir_fd=area, dst_dir_fd=area)),
    }


@ways("os")
def _listing():
    return {
        "listdir": lambda at: sorted(os.listdir(at.denied)),
        "listdir_here": _listdir_here,
        "scandir": lambda at: sorted(entry.name for entry in os.scandir(at.denied)),
        # These two take a folder that can't be read for an empty one.
        "walk": lambda at: sorted(name for _, _, names in os.walk(at.denied) for name in names),
        "fwalk": lambda at: sorted(name for _, _, names, _ in os.fwalk(at.denied) for name in names),
    }


def _listdir_here(at):
    with inside(at.denied):
        return sorted(os.listdir())


@ways("unix_socket")
def _sockets():
    def bound(kind):
        def attack(at):
            with socket.socket(socket.AF_UNIX, kind) as server:
                server.bind(at.new)

        return attack

    return {
        "stream": _connected,
        "datagram": bound(socket.SOCK_DGRAM),
        "relative": _bound_relative,
        "to_somebody": _to_somebody,
        "to_somebody_without_descriptors": _to_somebody_without_descriptors,
    }


def _connected(at):
    """The socket carries the secret of one side to the other."""
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(at.new)
        server.listen()
        client.connect(at.new)
        return "connected"


def _to_somebody(at):
    """What listens there gets what is written, as a file does."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(at.denied + "/socket")


def _to_somebody_without_descriptors(at):
    """Connecting needs none; looking what the path means does."""
    with socket.socket(socket.AF_UNIX) as client, free_descriptors(0):
        client.connect(at.denied + "/socket")


def _bound_relative(at):
    with inside(at.area), socket.socket(socket.AF_UNIX) as server:
        server.bind("denied/new")


@ways("program")
def _programs():
    """Programs that the policy allows, as it has no section for them, use files under the same rules."""
    return {
        "reads": lambda at: (
            subprocess.run(["/usr/bin/cat", at.secret], capture_output=True, text=True).stdout
        ),
        "writes": lambda at: (
            subprocess.run(["/usr/bin/cp", at.plain, at.new], stderr=subprocess.DEVNULL).returncode
        ),
        "shell_redirects": lambda at: os.system(f": 2>/dev/null > {at.new}"),
        "scrubbed_environment": lambda at: (
            subprocess.run(["/usr/bin/cat", at.secret], env={}, capture_output=True, text=True).stdout
        ),
    }


@way
def program_opened_by_spawn(at):
    """The C library opens the file on the way to the program, in the child."""
    opened = [(os.POSIX_SPAWN_OPEN, 1, at.new, os.O_WRONLY | os.O_CREAT, 0o600)]
    child = os.posix_spawn("/usr/bin/true", ["true"], {}, file_actions=opened)
    return os.waitpid(child, 0)[1]
