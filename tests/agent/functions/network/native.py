"""The C library called by ctypes and by number, and native code that is loaded after the agent."""

import ctypes
import os
import platform
import socket
import struct

from listening import keep
from targets import (
    ALLOWED,
    DENIED,
    DENIED_6,
    DNS_PORT,
    LISTENING_PORT,
    RESOLVER,
    ROUTE,
    checked,
    datagram,
    inet,
    inet6,
    libc,
    messages,
    stream,
)
from ways import in_child, in_thread, way, ways

NUMBERS = {
    "x86_64": {
        "connect": 42,
        "sendto": 44,
        "sendmsg": 46,
        "sendmmsg": 307,
        "bind": 49,
        "listen": 50,
        "write": 1,
    },
    "aarch64": {
        "connect": 203,
        "sendto": 206,
        "sendmsg": 211,
        "sendmmsg": 269,
        "bind": 200,
        "listen": 201,
        "write": 64,
    },
}[platform.machine()]
_DATA = b"datagram"


def library():
    return ctypes.CDLL(os.environ["ATTACK_NETWORK"], use_errno=True)


def connect_by(call, address=None, family=socket.AF_INET):
    """Connect by a function that takes what connect takes."""
    raw = address or inet()
    with stream(family) as client:
        return checked(call(client.fileno(), raw, len(raw)))


def by_number(name):
    """A call through `syscall`, with whole registers as arguments."""
    function = libc().syscall
    function.restype = ctypes.c_long

    def call(*arguments):
        wide = [ctypes.c_long(it) if isinstance(it, int) else it for it in arguments]
        return function(ctypes.c_long(NUMBERS[name]), *wide)

    return call


def prototype(address):
    """The function at an address, of connect's type."""
    return ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, use_errno=True)(
        address
    )


def _looked_up():
    finder = libc()
    finder.dlsym.restype, finder.dlsym.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p]
    return prototype(finder.dlsym(None, b"connect"))


def _of_version():
    finder, text = libc(), ctypes.c_char_p
    finder.dlvsym.restype, finder.dlvsym.argtypes = ctypes.c_void_p, [ctypes.c_void_p, text, text]
    version = {"x86_64": b"GLIBC_2.2.5", "aarch64": b"GLIBC_2.17"}[platform.machine()]
    return prototype(finder.dlvsym(None, b"connect", version))


def _other_namespace():
    finder = libc()
    finder.dlmopen.restype = finder.dlsym.restype = ctypes.c_void_p
    finder.dlsym.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    handle = finder.dlmopen(ctypes.c_long(-1), b"libc.so.6", os.RTLD_NOW)
    return prototype(finder.dlsym(handle, b"connect"))


@way
def ctypes_connect_other_namespace():
    """Its errno is another one: only the answer is known."""
    raw = inet()
    with stream() as client:
        return _other_namespace()(client.fileno(), raw, len(raw))


@ways("ctypes_connect")
def _connects():
    return {
        "ipv4": lambda: connect_by(libc().connect),
        "ipv6": lambda: connect_by(libc().connect, inet6(), socket.AF_INET6),
        "other_name": lambda: connect_by(libc()["__connect"]),
        "looked_up": lambda: connect_by(_looked_up()),
        "of_version": lambda: connect_by(_of_version()),
        "in_thread": lambda: in_thread(lambda: connect_by(libc().connect)),
        "in_child": lambda: in_child(lambda: connect_by(libc().connect)),
    }


def _sendto(call):
    raw = inet()
    with datagram() as client:
        return checked(call(client.fileno(), _DATA, len(_DATA), 0, raw, len(raw)))


def _sendmsg(call):
    array = messages(_DATA, inet())
    with datagram() as client:
        return checked(call(client.fileno(), ctypes.byref(array[0]), 0))


def _sendmmsg(call):
    array = messages(_DATA, inet())
    with datagram() as client:
        return checked(call(client.fileno(), array, 1, 0))


def _write(call):
    from packets import PACKETS

    with datagram() as client:
        client.connect((RESOLVER, DNS_PORT))
        return checked(call(client.fileno(), PACKETS["name"], len(PACKETS["name"])))


def _bind(call):
    server, raw = datagram(), inet(DENIED, LISTENING_PORT)
    keep(server)
    return checked(call(server.fileno(), raw, len(raw)))


def _listen(call):
    server = stream()
    keep(server)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((DENIED, LISTENING_PORT))
    return checked(call(server.fileno(), 8))


@ways("syscall")
def _numbers():
    return {
        "connect": lambda: connect_by(by_number("connect")),
        "connect_ipv6": lambda: connect_by(by_number("connect"), inet6(DENIED_6), socket.AF_INET6),
        "sendto": lambda: _sendto(by_number("sendto")),
        "sendmsg": lambda: _sendmsg(by_number("sendmsg")),
        "sendmmsg": lambda: _sendmmsg(by_number("sendmmsg")),
        "bind": lambda: _bind(by_number("bind")),
        "listen": lambda: _listen(by_number("listen")),
        "packet_write": lambda: _write(by_number("write")),
    }


@ways("native")
def _native():
    """A shared object that calls by its own relocations, loaded after the start."""
    return {
        "connect": lambda: connect_by(library().attack_connect),
        "table": lambda: connect_by(library().attack_table),
        "thread": lambda: connect_by(library().attack_connect_in_thread),
        "vfork": lambda: connect_by(library().attack_connect_in_vfork),
        "sendto": lambda: _sendto(library().attack_sendto),
        "sendmsg": lambda: _sendmsg(library().attack_sendmsg),
        "getaddrinfo": lambda: library().attack_getaddrinfo(b"denied.example"),
    }


def control_of(level, data):
    """Control data with one entry (struct cmsghdr)."""
    return struct.pack("@Nii", 16 + len(data), level, socket.IP_RETOPTS) + data


@ways("race")
def _races():
    """Another thread changes the address while it is judged: how often the denied one was reached is not told."""

    def run(call):
        def attack():
            library()["attack_race_" + call](inet(ALLOWED), inet(), 16)
            return "done"

        return attack

    def control():
        unknown, routed = control_of(99, ROUTE), control_of(socket.IPPROTO_IP, ROUTE)
        library().attack_race_control(unknown, routed, len(routed))
        return "done"

    table = {name: run(name) for name in ("connect", "sendto", "sendmsg", "sendmmsg")}
    return {**table, "control": control}
