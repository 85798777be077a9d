"""Denied files reached by calling the C library's functions by name."""

import contextlib
import ctypes
import os
import platform
import stat

from ways import close, contents, descriptor, inside, way, ways

HERE = -100  # AT_FDCWD
CREATE = os.O_CREAT | os.O_WRONLY
_SYMLINK_ITSELF, _REMOVE_FOLDER, _EXCHANGE = 0x100, 0x200, 2


def library():
    """The C library's functions, looked up as native code does."""
    return ctypes.CDLL(None, use_errno=True)


def call(name, *arguments, version=None):
    """What the function returns as a number; raises OSError when that is -1."""
    function = library()[name] if version is None else _older(name, version)
    ctypes.set_errno(0)
    result = function(*(item.encode() if isinstance(item, str) else item for item in arguments))
    if result == -1:
        raise OSError(ctypes.get_errno(), name)
    return result


def pointer(name, *arguments):
    """What the function returns as a pointer; raises OSError when that is NULL."""
    function = library()[name]
    function.restype = ctypes.c_void_p
    ctypes.set_errno(0)
    result = function(*(item.encode() if isinstance(item, str) else item for item in arguments))
    if result is None:
        raise OSError(ctypes.get_errno(), name)
    return ctypes.c_void_p(result)


def _older(name, version):
    find = library().dlvsym
    find.restype, find.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p]
    address = find(None, name.encode(), version.encode())
    return ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_int, use_errno=True)(address)


def line(stream):
    """The first line of a stream of C's."""
    room = ctypes.create_string_buffer(100)
    library().fgets(room, 100, stream)
    library().fclose(stream)
    return room.value.decode()


def names(folder):
    """What a folder stream of C's holds: file names stand at a fixed place in an entry."""
    following = library().readdir
    following.restype = ctypes.c_void_p
    found = []
    while entry := following(folder):
        found.append(ctypes.string_at(entry + 19).decode())
    library().closedir(folder)
    return sorted(found)


@ways("c")
def _reading():
    return {
        **{
            name: _opened(name) for name in ["open", "open64", "__open", "__open64", "__open_2", "__open64_2"]
        },
        **{name: _opened(name, HERE) for name in ["openat", "openat64", "__openat_2", "__openat64_2"]},
        **{name: _opened(name) for name in ["__open_nocancel", "__open64_nocancel"]},
        **{name: _streamed(name) for name in ["fopen", "fopen64", "_IO_fopen", "__nss_files_fopen"]},
        "open_older_version": lambda at: contents(call("open", at.secret, 0, version=_OLDEST)),
        "freopen": lambda at: line(pointer("freopen", at.secret, "r", pointer("fopen", at.plain, "r"))),
        "freopen64": lambda at: line(pointer("freopen64", at.secret, "r", pointer("fopen", at.plain, "r"))),
        "setmntent": lambda at: line(pointer("setmntent", at.secret, "r")),
        "opendir": lambda at: names(pointer("opendir", at.denied)),
        "scandir": lambda at: _scanned("scandir", at.denied),
        "scandirat": lambda at: _scanned("scandirat", HERE, at.denied),
        "glob": lambda at: _globbed(f"{at.denied}/name-*"),
        "glob_from_above": lambda at: _globbed(f"{at.area}/*/name-*"),
        "wordexp": _words,
        "ftw": lambda at: _walked("ftw", at.denied),
        "ftw_from_above": lambda at: _walked("ftw", at.area),
        "nftw": lambda at: _walked("nftw", at.denied, 0),
        "nftw_from_above": lambda at: _walked("nftw", at.area, 0),
        "nftw_in_folders": lambda at: _walked("nftw", at.area, 4),
        "fts_open": lambda at: _tree(at.denied),
        "fts_open_from_above": lambda at: _tree(at.area),
        "getutent": _records,
        "addopen_swapped": _opened_later,
    }


def _opened_later(at):
    """What a program is to get as its input is another file by the time that it is opened."""
    actions, child, here = ctypes.create_string_buffer(256), ctypes.c_int(), library()
    read, write = os.pipe()
    os.symlink(at.plain, at.mine)
    here.posix_spawn_file_actions_init(actions)
    here.posix_spawn_file_actions_addopen(actions, 0, at.mine.encode(), os.O_RDONLY, 0)
    here.posix_spawn_file_actions_adddup2(actions, write, 1)
    os.unlink(at.mine)
    os.symlink(at.secret, at.mine)
    words = (ctypes.c_char_p * 2)(b"cat", None)
    here.posix_spawn(ctypes.byref(child), b"/usr/bin/cat", actions, None, words, None)
    os.close(write)
    os.waitpid(child.value, 0)
    return contents(read)


_OLDEST = {"x86_64": "GLIBC_2.2.5", "aarch64": "GLIBC_2.17"}[platform.machine()]


def _opened(name, *before):
    return lambda at: contents(call(name, *before, at.secret, os.O_RDONLY))


def _streamed(name):
    return lambda at: line(pointer(name, at.secret, "r"))


def _scanned(name, *arguments):
    found = ctypes.POINTER(ctypes.c_void_p)()
    count = call(name, *arguments, ctypes.byref(found), None, None)
    return sorted(ctypes.string_at(found[index] + 19).decode() for index in range(count))


def _globbed(pattern):
    found = (ctypes.c_long * 32)()
    if status := library().glob(pattern.encode(), 0, None, ctypes.byref(found)):
        raise OSError(status, "glob")
    paths = ctypes.cast(found[1], ctypes.POINTER(ctypes.c_char_p))
    return [os.path.basename(paths[index].decode()) for index in range(found[0])]


def _words(at):
    """What a shell would make of a pattern: the pattern itself where nothing fits."""
    found = (ctypes.c_long * 8)()
    if status := library().wordexp(f"{at.denied}/name-*".encode(), ctypes.byref(found), 0):
        raise OSError(status, "wordexp")
    words = ctypes.cast(found[1], ctypes.POINTER(ctypes.c_char_p))
    return [os.path.basename(words[index].decode()) for index in range(found[0])]


def _walked(name, folder, *more):
    found = []

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int)
    def note(path, _status, _flag):
        found.append(os.path.basename(path.decode()))
        return 0

    call(name, folder, note, 8, *more)
    return sorted(found)


def _tree(folder):
    """The walk that BSD knows: an entry's name stands at a fixed place."""
    paths = (ctypes.c_char_p * 2)(folder.encode(), None)
    tree = pointer("fts_open", paths, 0x10, None)  # FTS_PHYSICAL
    step = library().fts_read
    step.restype = ctypes.c_void_p
    found = set()
    while entry := step(tree):
        found.add(ctypes.string_at(entry + 112).decode())
    library().fts_close(tree)
    return sorted(found)


def _records(at):
    """Any file is one of records, each as long as those of the log of users."""
    library().utmpname(f"{at.denied}/library.so".encode())
    library().setutent()
    step = library().getutent
    step.restype = ctypes.c_void_p
    data = b"".join(ctypes.string_at(record, 384) for record in iter(step, None))
    library().endutent()
    start = data.find(b"token-")
    return data[start : start + 16].decode() if start >= 0 else None


@ways("c")
def _writing():
    return {
        **{f"{name}_create": _created(name) for name in ["open", "open64", "__open"]},
        "openat_create": lambda at: close(call("openat", HERE, at.new, CREATE, 0o600)),
        **{name: _created(name, 0o600) for name in ["creat", "creat64"]},
        "fopen_w": lambda at: library().fclose(pointer("fopen", at.new, "w")),
        "freopen_w": lambda at: library().fclose(
            pointer("freopen", at.new, "w", pointer("fopen", at.plain, "r"))
        ),
        "setmntent_w": lambda at: library().endmntent(pointer("setmntent", at.new, "w")),
        **{name: _made(name) for name in ["mkstemp", "mkstemp64"]},
        **{name: _made(name, os.O_APPEND) for name in ["mkostemp", "mkostemp64"]},
        **{name: _made(name, 0) for name in ["mkstemps", "mkstemps64"]},
        **{name: _made(name, 0, os.O_APPEND) for name in ["mkostemps", "mkostemps64"]},
        "mkdtemp": lambda at: pointer("mkdtemp", at.denied + "/tmpXXXXXX") and None,
        "updwtmp": lambda at: (library().updwtmp(at.secret.encode(), bytes(384)), None)[1],
    }


def _created(name, *arguments):
    return lambda at: close(call(name, at.new, *(arguments or (CREATE, 0o600))))


def _made(name, *arguments):
    return lambda at: close(
        call(name, ctypes.create_string_buffer(at.denied.encode() + b"/tmpXXXXXX"), *arguments)
    )


@ways("c")
def _changing():
    regular = stat.S_IFREG | 0o600
    return {
        "truncate": lambda at: call("truncate", at.secret, ctypes.c_long(3)),
        "truncate64": lambda at: call("truncate64", at.secret, ctypes.c_long(3)),
        "unlink": lambda at: call("unlink", at.secret),
        "unlinkat": lambda at: call("unlinkat", HERE, at.secret, 0),
        "unlinkat_folder": lambda at: call("unlinkat", HERE, at.empty, _REMOVE_FOLDER),
        "remove": lambda at: call("remove", at.secret),
        "remove_folder": lambda at: call("remove", at.empty),
        "rmdir": lambda at: call("rmdir", at.empty),
        "rename": lambda at: call("rename", at.secret, at.mine),
        "renameat": lambda at: call("renameat", HERE, at.secret, HERE, at.mine),
        "renameat2": lambda at: call("renameat2", HERE, at.secret, HERE, at.mine, 0),
        "renameat2_into": lambda at: call("renameat2", HERE, at.plain, HERE, at.new, 1),
        "exchange_files": lambda at: call("renameat2", HERE, at.plain, HERE, at.secret, _EXCHANGE),
        "exchange_folders": lambda at: call("renameat2", HERE, at.open, HERE, at.denied, _EXCHANGE),
        "exchange_parents": lambda at: call("renameat2", HERE, at.open, HERE, at.area, _EXCHANGE),
        "link": lambda at: call("link", at.secret, at.mine),
        "linkat": lambda at: call("linkat", HERE, at.secret, HERE, at.mine, 0),
        "linkat_into": lambda at: call("linkat", HERE, at.plain, HERE, at.new, 0),
        "symlink": lambda at: call("symlink", at.plain, at.new),
        "symlinkat": lambda at: call("symlinkat", at.plain, HERE, at.new),
        "mkdir": lambda at: call("mkdir", at.new, 0o700),
        "mkdirat": lambda at: call("mkdirat", HERE, at.new, 0o700),
        "mkfifo": lambda at: call("mkfifo", at.new, 0o600),
        "mkfifoat": lambda at: call("mkfifoat", HERE, at.new, 0o600),
        "mknod": lambda at: call("mknod", at.new, regular, ctypes.c_long(0)),
        "mknodat": lambda at: call("mknodat", HERE, at.new, regular, ctypes.c_long(0)),
        "__xmknod": lambda at: call("__xmknod", 0, at.new, regular, ctypes.byref(ctypes.c_long(0))),
        "__xmknodat": lambda at: call("__xmknodat", 0, HERE, at.new, regular, ctypes.byref(ctypes.c_long(0))),
        "chmod": lambda at: call("chmod", at.secret, 0o777),
        "lchmod": lambda at: call("lchmod", at.secret, 0o777),
        "fchmodat": lambda at: call("fchmodat", HERE, at.secret, 0o777, 0),
        "fchmodat_itself": lambda at: call("fchmodat", HERE, at.secret, 0o777, _SYMLINK_ITSELF),
        "chown": lambda at: call("chown", at.secret, 12, 34),
        "lchown": lambda at: call("lchown", at.secret, 12, 34),
        "fchownat": lambda at: call("fchownat", HERE, at.secret, 12, 34, 0),
        "fchownat_descriptor": _chown_descriptor,
    }


def _chown_descriptor(at):
    """A descriptor that may not write names the file by itself."""
    with descriptor(at.secret) as opened:
        call("fchownat", opened, "", 12, 34, 0x1000)  # AT_EMPTY_PATH


@way
def c_bind(at):
    """A Unix socket."""
    address = b"\x01\x00" + at.new.encode() + b"\0"
    with contextlib.closing(os.fdopen(call("socket", 1, 1, 0), "rb")) as server:
        call("bind", server.fileno(), address, len(address))


@way
def c_open_in_folder(at):
    with inside(at.area):
        return contents(call("open", "denied/secret", os.O_RDONLY))


@way
def c_open_other_namespace(at):
    """A C library of its own beside the process's, as dlmopen loads it."""
    libc = library()
    libc.dlmopen.restype = libc.dlsym.restype = ctypes.c_void_p
    libc.dlsym.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    handle = libc.dlmopen(ctypes.c_long(-1), b"libc.so.6", os.RTLD_NOW)
    find = ctypes.CFUNCTYPE(ctypes.POINTER(ctypes.c_int))(libc.dlsym(handle, b"__errno_location"))
    opening = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_int)(libc.dlsym(handle, b"open"))
    opened = opening(at.secret.encode(), os.O_RDONLY)
    if opened < 0:
        raise OSError(find().contents.value or ctypes.get_errno(), "open")
    return contents(opened)


@ways("c")
def _shared():
    """Files in /dev/shm, which have names without a folder."""
    return {
        "shm_open": lambda at: close(call("shm_open", "/" + at.shared, CREATE | os.O_RDWR, 0o600)),
        "shm_unlink": _unlink_shared,
        "sem_open": lambda at: pointer("sem_open", "/" + at.shared, os.O_CREAT, 0o600, 1) and None,
    }


def _unlink_shared(at):
    call("shm_unlink", "/" + at.shared_there)
