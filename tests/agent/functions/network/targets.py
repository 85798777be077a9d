"""What is attacked, as the test's network has it, and addresses as the kernel takes them."""

import ctypes
import os
import socket
import struct

# The policy denies these two addresses, one port elsewhere, one port to listen on, and the name with all below it.
DENIED, DENIED_6 = "203.0.113.5", "2001:db8::5"
ALLOWED, ALLOWED_6 = "203.0.113.9", "2001:db8::9"
RESOLVER = "203.0.113.53"
PORT, DENIED_PORT, LISTENING_PORT, DNS_PORT = 7000, 7001, 9000, 53
NAME, ALLOWED_NAME = "denied.example", "allowed.example"
MAPPED = "::ffff:" + DENIED
# The option that sends a packet by way of the denied address: a loose source route (RFC 791, 3.1).
ROUTE = bytes([131, 7, 4]) + socket.inet_aton(DENIED) + b"\0"


def stream(family=socket.AF_INET):
    return socket.socket(family, socket.SOCK_STREAM)


def datagram(family=socket.AF_INET):
    return socket.socket(family, socket.SOCK_DGRAM)


def inet(address=DENIED, port=PORT, family=socket.AF_INET):
    """A struct sockaddr_in; the family may be a wrong one."""
    return struct.pack("=H", family) + struct.pack("!H", port) + socket.inet_aton(address) + bytes(8)


def inet6(address=DENIED_6, port=PORT):
    """A struct sockaddr_in6."""
    raw = socket.inet_pton(socket.AF_INET6, address)
    return struct.pack("=H", socket.AF_INET6) + struct.pack("!HI", port, 0) + raw + bytes(4)


def libc():
    return ctypes.CDLL(None, use_errno=True)


def checked(result):
    """The result of a call of the C library, or its error as an exception."""
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


class Vector(ctypes.Structure):
    """struct iovec."""

    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class Message(ctypes.Structure):
    """struct mmsghdr: a struct msghdr and how much of it was sent."""

    _fields_ = [
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint),
        ("vectors", ctypes.POINTER(Vector)),
        ("count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_size_t),
        ("sent", ctypes.c_size_t),
    ]


def messages(data, *addresses):
    """An array of messages with the same data, one to each address; None for a connected socket."""
    array = (Message * len(addresses))()
    kept = ctypes.create_string_buffer(data, len(data))
    vector = Vector(ctypes.addressof(kept), len(data))
    array.kept = [kept, vector]
    for message, address in zip(array, addresses, strict=True):
        message.vectors, message.count = ctypes.pointer(vector), 1
        if address is not None:
            buffer = ctypes.create_string_buffer(address, len(address))
            array.kept.append(buffer)
            message.name, message.name_length = ctypes.addressof(buffer), len(address)
    return array
