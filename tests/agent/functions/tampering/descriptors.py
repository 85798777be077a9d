"""Descriptors, and how many of them and of other things there may be."""

import os
import resource
import signal
import stat

from targets import start_program
from ways import in_child, way, ways


def _others(first):
    """All descriptors from `first` on but sockets: over one of those the runtime gets its answer out."""
    for name in os.listdir("/proc/self/fd"):
        descriptor = int(name)
        try:
            kind = os.fstat(descriptor).st_mode
        except OSError:
            continue
        if descriptor >= first and not stat.S_ISSOCK(kind):
            yield descriptor


def _closed(first):
    def attack(marker):
        for descriptor in list(_others(first)):
            os.close(descriptor)
        return start_program(marker)

    return attack


def _replaced(first, flags):
    def attack(marker):
        other = os.open("/dev/null", flags)
        for descriptor in list(_others(first)):
            if descriptor != other:
                os.dup2(other, descriptor)
        return start_program(marker)

    return attack


@ways("descriptors")
def _descriptors():
    return {
        "closed": _closed(3),
        "replaced": _replaced(3, os.O_WRONLY),
        "replaced_read_only": _replaced(3, os.O_RDONLY),
        "closed_in_child": lambda marker: in_child(lambda: os._exit(_closed(3)(marker) >> 8)),
        "closed_with_stderr": _closed(0),
        "replaced_with_stderr": _replaced(0, os.O_WRONLY),
    }


@way
def stderr_redirected(marker):
    """What is written to descriptor 2 goes elsewhere."""
    kept, other = os.dup(2), os.open("/dev/null", os.O_WRONLY)
    os.dup2(other, 2)
    try:
        return start_program(marker)
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(other)


@ways("limit")
def _limits():
    def limited(which, soft):
        def attack(marker):
            before = resource.getrlimit(which)
            resource.setrlimit(which, (soft, before[1]))
            try:
                return start_program(marker)
            finally:
                resource.setrlimit(which, before)

        return attack

    return {
        "few_descriptors": limited(resource.RLIMIT_NOFILE, 16),
        "little_stack": limited(resource.RLIMIT_STACK, 1 << 16),
    }


@way
def all_descriptors_taken(marker):
    """None is left for the agent to look with."""
    before, taken = resource.getrlimit(resource.RLIMIT_NOFILE), []
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, before[1]))
    try:
        while True:
            taken.append(os.dup(0))
    except OSError:
        return start_program(marker)
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@way
def signals_ignored(marker):
    """The signals that writing or a limit may give."""
    numbers = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGTERM, signal.SIGCHLD)
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        return start_program(marker)
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
