"""Answers what the process holds: pages and descriptors. An event can ask for an exception, or a program."""

import gc
import os
import socket

turns = [0]


def refused(function, *arguments):
    """Whether the call was refused; what may be done works."""
    try:
        function(*arguments)
    except OSError:
        return True
    return False


def work():
    """An allowed call of each kind, and one by turns that is refused."""
    turns[0] += 1
    with open(__file__):
        pass
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", 9))
        if turns[0] % 30 == 0:
            return refused(client.connect, ("203.0.113.9", 9))
    if turns[0] % 30 == 10:
        return refused(open, "/srv/secret/file")
    if turns[0] % 30 == 20:
        return refused(socket.getaddrinfo, "denied.example.org", 80)
    return None


def handler(event, context):
    if event.get("raise"):
        raise ValueError(event)
    if event.get("attack"):
        return os.system("true")
    if event.get("work"):
        return work()
    if event.get("measure"):
        gc.collect()
        with open("/proc/self/statm") as statm:
            return {
                "kib": int(statm.read().split()[1]) * 4,
                "descriptors": _entries("fd"),
                "threads": _entries("task"),
            }
    return event


def _entries(name):
    return len(os.listdir("/proc/self/" + name))
