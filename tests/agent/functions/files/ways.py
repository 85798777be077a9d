"""The table that the ways to reach a denied file enter themselves into, and what they share."""

import concurrent.futures
import contextlib
import os
import resource

WAYS = {}
_GROUPS = []


class Place:
    """Where an attempt takes place: what the test has put there, and names that nobody has."""

    def __init__(self, base, shared):
        self.base = base
        self.area = base + "/area"
        self.denied = base + "/area/denied"
        self.secret = self.denied + "/secret"
        self.new = self.denied + "/new"
        self.folder = self.denied + "/folder"
        self.empty = self.denied + "/empty"
        self.open = base + "/open"
        self.plain = self.open + "/plain"
        self.mine = self.open + "/mine"
        self.shared, self.shared_there = shared, shared + "-there"


def way(function):
    """Enter a way into the table under its own name."""
    WAYS[function.__name__] = function
    return function


def ways(prefix):
    """Enter several ways that differ in one call: the function returns them by name, when all is defined."""

    def enter(function):
        _GROUPS.append((prefix, function))
        return function

    return enter


def every():
    """The whole table, by name."""
    for prefix, function in _GROUPS:
        WAYS.update({f"{prefix}_{name}": call for name, call in function().items()})
    return WAYS


@contextlib.contextmanager
def free_descriptors(count):
    """No more than so many descriptors are free."""
    before, taken = resource.getrlimit(resource.RLIMIT_NOFILE), []
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, before[1]))
    try:
        while True:
            try:
                taken.append(os.dup(0))
            except OSError:
                break
        for _ in range(count):
            os.close(taken.pop())
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for descriptor in taken:
            os.close(descriptor)


def read(path, **how):
    """What the file holds, by a plain open."""
    with open(path, encoding="utf-8", **how) as file:
        return file.read()


def write(path, mode="w", **how):
    """Put something else into the file."""
    with open(path, mode, encoding="utf-8", **how) as file:
        return file.write("changed")


def contents(descriptor):
    """What an open descriptor gives, and close it."""
    try:
        return os.read(descriptor, 100).decode()
    finally:
        os.close(descriptor)


def close(descriptor):
    """Close what an attempt has opened: the opening was all of it."""
    os.close(descriptor)


@contextlib.contextmanager
def descriptor(path, flags=os.O_PATH):
    """A descriptor that only names a place: opening it so touches nothing."""
    opened = os.open(path, flags)
    try:
        yield opened
    finally:
        os.close(opened)


@contextlib.contextmanager
def inside(folder):
    """Another working directory for a while."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def in_child(attack):
    """Run an attack in a fork, and return the child's exit status."""
    child = os.fork()
    if child == 0:
        try:
            attack()
            os._exit(0)
        except OSError as error:
            os._exit(error.errno)
        finally:
            os._exit(99)
    return os.waitpid(child, 0)[1]


def told_by_child(attack):
    """Run an attack in a fork and return what it returned, or raise its OSError here."""
    reading, writing = os.pipe()

    def tell():
        os.write(writing, attack().encode())

    with contextlib.closing(os.fdopen(reading, "rb")) as answers:
        status = in_child(tell)
        os.close(writing)
        if status:
            raise OSError(os.WEXITSTATUS(status), "in the child")
        return answers.read().decode()


def in_thread(attack):
    """Run an attack in another thread and return its answer."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(attack).result()
