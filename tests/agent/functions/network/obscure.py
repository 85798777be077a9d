"""Functions of the C library that connect or ask a name server by themselves, within the library."""

import ctypes
import errno
import platform
import socket
import struct
import time

from targets import (
    ALLOWED,
    DENIED,
    DNS_PORT,
    NAME,
    PORT,
    RESOLVER,
    ROUTE,
    checked,
    datagram,
    inet,
    libc,
    stream,
)
from ways import in_child, way


@way
def ctypes_getaddrinfo_a():
    """Looks up in a thread of its own."""

    class Request(ctypes.Structure):
        _fields_ = [
            ("name", ctypes.c_char_p),
            ("service", ctypes.c_char_p),
            ("hints", ctypes.c_void_p),
            ("found", ctypes.c_void_p),
            ("result", ctypes.c_int),
            ("reserved", ctypes.c_int * 5),
        ]

    request = Request(name=NAME.encode())
    requests = (ctypes.POINTER(Request) * 1)(ctypes.pointer(request))
    error = libc().getaddrinfo_a(0, requests, 1, None)
    return error or request.result


@way
def ctypes_rexec():
    """Connects to any port, to ask for a command there; ends when the other side says no."""
    host = ctypes.c_char_p(DENIED.encode())

    def child():
        call = libc().rexec
        call(ctypes.byref(host), socket.htons(PORT), b"user", b"password", b"command", None)

    return in_child(child)


@way
def ctypes_rpc():
    """Remote procedure calls, which new programs can't be linked with but old ones could."""
    library, text = libc(), ctypes.c_char_p
    library.dlvsym.restype, library.dlvsym.argtypes = ctypes.c_void_p, [ctypes.c_void_p, text, text]
    version = {"x86_64": b"GLIBC_2.2.5", "aarch64": b"GLIBC_2.17"}[platform.machine()]
    place = library.dlvsym(None, b"clnttcp_create", version)
    create = ctypes.CFUNCTYPE(
        ctypes.c_void_p, text, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint
    )(place)
    return bool(create(inet(), 100000, 2, ctypes.byref(ctypes.c_int(-1)), 0, 0))


@way
def ctypes_send_other_name():
    """`send` by the name that the C library has for itself."""
    from packets import PACKETS

    with datagram() as client:
        client.connect((RESOLVER, DNS_PORT))
        return checked(libc()["__send"](client.fileno(), PACKETS["name"], len(PACKETS["name"]), 0))


def _framed():
    from packets import PACKETS

    return struct.pack("!H", len(PACKETS["name"])) + PACKETS["name"]


def _to_resolver(write):
    with stream() as client:
        client.connect((RESOLVER, DNS_PORT))
        return write(client, _framed())


@way
def ctypes_stdio():
    """A stream of the C library's on a socket writes from within the library."""

    def write(client, data):
        library = libc()
        library.fdopen.restype = ctypes.c_void_p
        file = ctypes.c_void_p(library.fdopen(client.dup().detach(), b"w"))
        written = library.fwrite(data, ctypes.c_size_t(1), ctypes.c_size_t(len(data)), file)
        return [written, library.fclose(file)]

    return _to_resolver(write)


@way
def ctypes_dprintf():
    return _to_resolver(
        lambda client, data: checked(
            libc().dprintf(client.fileno(), b"%c" * len(data), *map(ctypes.c_int, data))
        )
    )


@way
def ctypes_aio_write():
    """A thread of the C library's own writes."""

    def write(client, data):
        library, kept = libc(), ctypes.create_string_buffer(data, len(data))
        control = ctypes.create_string_buffer(256)
        head = struct.pack("iiiiPn", client.fileno(), 0, 0, 0, ctypes.addressof(kept), len(data))
        ctypes.memmove(control, head, len(head))
        checked(library.aio_write(control))
        while library.aio_error(control) == errno.EINPROGRESS:
            time.sleep(0.001)
        return checked(library.aio_return(control))

    return _to_resolver(write)


@way
def ctypes_name_service():
    """The function behind getaddrinfo, which the library does not mean for others."""
    entry, buffer = ctypes.create_string_buffer(64), ctypes.create_string_buffer(4096)
    error, host_error = ctypes.c_int(), ctypes.c_int()
    return libc()["_nss_dns_gethostbyname2_r"](
        NAME.encode(),
        socket.AF_INET,
        entry,
        buffer,
        ctypes.c_size_t(len(buffer)),
        ctypes.byref(error),
        ctypes.byref(host_error),
    )


@way
def multipath_tcp():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262) as client:
        return client.connect((DENIED, PORT))


@way
def udp_source_route():
    with datagram() as client:
        client.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, ROUTE)
        return client.sendto(b"datagram", (ALLOWED, PORT))


@way
def udp_source_route_message():
    with datagram() as client:
        control = [(socket.IPPROTO_IP, socket.IP_RETOPTS, ROUTE)]
        return client.sendmsg([b"datagram"], control, 0, (ALLOWED, PORT))


@way
def tcp_source_route():
    """The first packet goes there; whether a connection comes of it is up to those on the way."""
    with stream() as client:
        client.settimeout(0.2)
        client.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, ROUTE)
        try:
            return client.connect((ALLOWED, PORT))
        except TimeoutError:
            return None
