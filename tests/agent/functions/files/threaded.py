"""Threads and children whose view of the file system is not the process's: their own folder, descriptors."""

import concurrent.futures
import os
import threading

from native import call, library
from ways import contents, descriptor, in_child, in_thread, read, told_by_child, way, ways, write

_OWN_FOLDER, _OWN_DESCRIPTORS = 0x200, 0x400


@ways("thread")
def _threads():
    return {
        "read": lambda at: in_thread(lambda: read(at.secret)),
        "write": lambda at: in_thread(lambda: write(at.new)),
        "own_folder": lambda at: in_thread(lambda: _own_folder(at)),
        "own_folder_write": lambda at: in_thread(lambda: _own_folder_write(at)),
        "own_descriptors": lambda at: in_thread(lambda: _own_descriptors(at)),
        "own_descriptors_link": lambda at: _beside_others(at, lambda: read(at.open + "/link")),
        "own_descriptors_create": lambda at: _beside_others(at, lambda: write(at.open + "/folder_link/new")),
        "own_descriptors_unlink": lambda at: _beside_others(at, lambda: os.unlink(at.secret)),
        "own_descriptors_mkdir": lambda at: _beside_others(at, lambda: os.mkdir(at.new)),
        "own_descriptors_rename": lambda at: _beside_others(at, lambda: os.rename(at.secret, at.mine)),
        "own_descriptors_chmod": lambda at: _beside_others(at, lambda: os.chmod(at.secret, 0o777)),
        "own_descriptors_list": lambda at: _beside_others(
            at, lambda: sorted(os.listdir(at.open + "/folder_link"))
        ),
    }


def _own_folder(at):
    call("unshare", _OWN_FOLDER)
    os.chdir(at.denied)
    return read("secret")


def _own_folder_write(at):
    call("unshare", _OWN_FOLDER)
    os.chdir(at.denied)
    write("new")


def _own_descriptors(at):
    """The same number means another folder in the process's other threads."""
    with descriptor(at.open) as folder:
        call("unshare", _OWN_DESCRIPTORS)
        with descriptor(at.denied) as denied:
            os.dup2(denied, folder)
        return contents(os.open("secret", os.O_RDONLY, dir_fd=folder))


def _beside_others(at, attack):
    """The process's other threads have folders open that may be used, under all numbers that this thread gets."""
    apart, filled = threading.Event(), threading.Event()

    def alone():
        call("unshare", _OWN_DESCRIPTORS)
        apart.set()
        filled.wait()
        return attack()

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(alone)
        apart.wait()
        opened = [os.open(at.open, os.O_PATH) for _ in range(100)]
        filled.set()
        try:
            return answer.result()
        finally:
            for folder in opened:
                os.close(folder)


@ways("fork")
def _forks():
    return {
        "read": lambda at: told_by_child(lambda: read(at.secret)),
        "write": lambda at: in_child(lambda: write(at.new)),
        "grandchild": lambda at: told_by_child(lambda: told_by_child(lambda: read(at.secret))),
        "thread_in_child": lambda at: told_by_child(lambda: in_thread(lambda: read(at.secret))),
    }


@way
def process_forked_by_c(at):
    """A child that Python knows nothing of."""
    reading, writing = os.pipe()
    child = library().fork()
    if child == 0:
        try:
            os.write(writing, read(at.secret).encode())
            os._exit(0)
        except OSError as error:
            os._exit(error.errno)
        finally:
            os._exit(99)
    os.close(writing)
    status = os.waitpid(child, 0)[1]
    answer = contents(reading)
    if status:
        raise OSError(os.WEXITSTATUS(status), "in the child")
    return answer
