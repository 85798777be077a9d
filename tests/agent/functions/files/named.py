"""One denied file by other names than its own: links, dots, descriptors, and views of the file system in /proc."""

import os
import threading

from ways import close, contents, descriptor, free_descriptors, in_thread, inside, read, way, ways, write


@ways("name")
def _dotted():
    return {
        "dot": lambda at: read(at.area + "/./denied/./secret"),
        "dotdot": lambda at: read(at.open + "/folder/../../area/denied/secret"),
        "dotdot_in_denied": lambda at: read(at.denied + "/folder/../secret"),
        "above_root": lambda at: read("/../.." + at.secret),
        "double_slash": lambda at: read("/" + at.area + "//denied///secret"),
        "double_slash_write": lambda at: write(at.area + "//denied//new"),
        "slash_after_folder": lambda at: os.mkdir(at.new + "///"),
        "slash_after_list": lambda at: sorted(os.listdir(at.denied + "//")),
        "dot_after_list": lambda at: sorted(os.listdir(at.denied + "/.")),
        "longest": lambda at: read(_padded(at.denied, "/secret")),
        "longest_write": lambda at: write(_padded(at.denied, "/new")),
    }


def _padded(folder, name):
    """A path of the most bytes that the kernel takes, its final zero counted."""
    spare = 4095 - len(folder) - len(name)
    return folder + "/" * (spare % 2) + "/." * (spare // 2) + name


@ways("name")
def _odd_names():
    return {
        "newline": lambda at: write(at.denied + "/new\nline"),
        "not_utf8": lambda at: write(os.fsencode(at.denied) + b"/new\xff\xfe"),
        "quotes": lambda at: write(at.denied + '/new"\\\t'),
        "of_255_bytes": lambda at: write(at.denied + "/" + "n" * 255),
    }


@ways("relative")
def _relative():
    def here(folder, attack):
        def there(at):
            with inside(folder(at)):
                return attack()

        return there

    return {
        "from_base": here(lambda at: at.base, lambda: read("area/denied/secret")),
        "from_denied": here(lambda at: at.denied, lambda: read("secret")),
        "from_denied_write": here(lambda at: at.denied, lambda: write("new")),
        "from_below": here(lambda at: at.folder, lambda: read("../secret")),
        "from_open": here(lambda at: at.open, lambda: write("../area/denied/new")),
        "from_folder_link": here(lambda at: at.open + "/folder_link", lambda: read("secret")),
        "after_fchdir": _after_fchdir,
    }


def _after_fchdir(at):
    with inside("/"), descriptor(at.denied) as folder:
        os.fchdir(folder)
        return read("secret")


@ways("link")
def _links():
    return {
        "file": lambda at: read(at.open + "/link"),
        "file_write": lambda at: write(at.open + "/link"),
        "file_truncate": lambda at: os.truncate(at.open + "/link", 2),
        "file_chmod": lambda at: os.chmod(at.open + "/link", 0o777),
        "folder": lambda at: read(at.open + "/folder_link/secret"),
        "folder_list": lambda at: sorted(os.listdir(at.open + "/folder_link")),
        "folder_mkdir": lambda at: os.mkdir(at.open + "/folder_link/new"),
        "folder_rename": lambda at: os.rename(at.open + "/folder_link/secret", at.mine),
        "folder_unlink": lambda at: os.unlink(at.open + "/folder_link/secret"),
        "relative": lambda at: read(at.open + "/relative_link"),
        "chain": lambda at: read(at.open + "/chain"),
        "long_chain": _long_chain,
        "made_by_attacker": _made_link,
        "made_by_attacker_folder": _made_folder_link,
        "dangling_create": lambda at: write(at.open + "/dangling"),
        "dangling_create_readonly": lambda at: close(os.open(at.open + "/dangling", os.O_CREAT)),
        "dangling_folder": lambda at: write(at.open + "/dangling_folder/new"),
        "hard_before": lambda at: read(at.open + "/hard"),
        "hard_before_write": lambda at: write(at.open + "/hard"),
        "hard_with_last_descriptor": _hard_with_last_descriptor,
    }


def _hard_with_last_descriptor(at):
    """None is left to look with for what other names the file has."""
    with free_descriptors(1):
        return read(at.open + "/hard")


def _long_chain(at):
    """As many links as the kernel follows."""
    before = at.secret
    for step in range(40):
        os.symlink(before, f"{at.mine}{step}")
        before = f"{at.mine}{step}"
    return read(before)


def _made_link(at):
    os.symlink(at.secret, at.mine)
    return read(at.mine)


def _made_folder_link(at):
    os.symlink("../area", at.mine)
    write(at.mine + "/denied/new")


@ways("descriptor")
def _descriptors():
    def beside(folder, attack):
        def there(at):
            with descriptor(folder(at)) as opened:
                return attack(opened)

        return there

    return {
        "of_area": beside(lambda at: at.area, lambda area: _at("denied/secret", area)),
        "of_denied": beside(lambda at: at.denied, lambda denied: _at("secret", denied)),
        "of_open": beside(lambda at: at.open, lambda folder: _at("../area/denied/secret", folder)),
        "of_folder_link": beside(lambda at: at.open + "/folder_link", lambda denied: _at("secret", denied)),
        "of_open_through_link": beside(lambda at: at.open, lambda folder: _at("link", folder)),
        "of_file": beside(lambda at: at.secret, lambda secret: read(f"/proc/self/fd/{secret}")),
        "of_file_write": beside(lambda at: at.secret, lambda secret: write(f"/proc/self/fd/{secret}")),
        "of_file_chmod": beside(
            lambda at: at.secret, lambda secret: os.chmod(f"/proc/self/fd/{secret}", 0o777)
        ),
        "of_file_dev": beside(lambda at: at.secret, lambda secret: read(f"/dev/fd/{secret}")),
        "of_folder_in_proc": beside(
            lambda at: at.area, lambda area: read(f"/proc/self/fd/{area}/denied/secret")
        ),
        "of_folder_in_dev": beside(lambda at: at.area, lambda area: read(f"/dev/fd/{area}/denied/secret")),
        "of_folder_dotdot": beside(
            lambda at: at.open, lambda folder: read(f"/proc/self/fd/{folder}/../area/denied/secret")
        ),
        "of_proc_fd": beside(
            lambda at: at.secret,
            lambda secret: beside(lambda _: "/proc/self/fd", lambda folder: _at(str(secret), folder))(None),
        ),
        "listed": beside(lambda at: at.denied, lambda denied: sorted(os.listdir(f"/proc/self/fd/{denied}"))),
    }


def _at(path, folder):
    return contents(os.open(path, os.O_RDONLY, dir_fd=folder))


@ways("proc")
def _proc():
    me = os.getpid
    return {
        "self_root": lambda at: read("/proc/self/root" + at.secret),
        "self_root_write": lambda at: write("/proc/self/root" + at.new),
        "self_root_twice": lambda at: read("/proc/self/root/proc/self/root" + at.secret),
        "thread_self_root": lambda at: read("/proc/thread-self/root" + at.secret),
        "pid_root": lambda at: read(f"/proc/{me()}/root{at.secret}"),
        "task_root": lambda at: read(f"/proc/self/task/{threading.get_native_id()}/root{at.secret}"),
        "parent_root": lambda at: read(f"/proc/{os.getppid()}/root{at.secret}"),
        "parent_root_write": lambda at: write(f"/proc/{os.getppid()}/root{at.new}"),
        "self_cwd": _in_cwd("/proc/self/cwd"),
        "pid_cwd": lambda at: _in_cwd(f"/proc/{me()}/cwd")(at),
        "dotdot_out": lambda at: read("/proc/self/task/../../.." + at.secret),
    }


def _in_cwd(cwd):
    def attack(at):
        with inside(at.area):
            return read(cwd + "/denied/secret")

    return attack


@way
def deeper_than_a_path(at):
    """The real path is longer than any that the kernel takes: only steps lead there."""

    def attack():
        os.chdir(at.denied + "/deep")
        while os.path.isdir("d" * 200):
            os.chdir("d" * 200)
        return read("secret")

    before = os.getcwd()
    try:
        return attack()
    finally:
        os.chdir(before)


@way
def name_in_other_thread(at):
    return in_thread(lambda: read(at.open + "/link"))
