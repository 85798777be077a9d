"""Ports that the function listens on; each socket is kept until the next event, so that the test can try it."""

import ctypes
import socket

from targets import DENIED, DENIED_6, LISTENING_PORT, checked, datagram, inet, libc, stream
from ways import in_thread, way, ways

_HERE, _HERE_6 = (DENIED, LISTENING_PORT), (DENIED_6, LISTENING_PORT)
_kept = []


def keep(opened):
    """Keep what has a method `close` open when the handler has answered."""
    _kept.append(opened)


def release():
    while _kept:
        _kept.pop().close()


def _listen(address=_HERE, family=socket.AF_INET, listen=lambda server: server.listen()):
    server = stream(family)
    keep(server)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(address)
    return listen(server)


def _bind_datagram(address=_HERE, family=socket.AF_INET, bind=lambda server, address: server.bind(address)):
    server = datagram(family)
    keep(server)
    return bind(server, address)


@ways("listen")
def _tcp():
    return {
        "tcp": _listen,
        "tcp_everywhere": lambda: _listen(("", LISTENING_PORT)),
        "tcp_ipv6": lambda: _listen(_HERE_6, socket.AF_INET6),
        "tcp_ipv6_everywhere": lambda: _listen(("::", LISTENING_PORT), socket.AF_INET6),
        "tcp_mapped": lambda: _listen(("::ffff:" + DENIED, LISTENING_PORT), socket.AF_INET6),
        "tcp_in_thread": lambda: in_thread(_listen),
        "ctypes": lambda: _listen(listen=lambda server: checked(libc().listen(server.fileno(), 8))),
    }


@ways("bind_udp")
def _udp():
    def by_ctypes(server, address):
        raw = inet(*address)
        return checked(libc().bind(server.fileno(), raw, len(raw)))

    return {
        "here": _bind_datagram,
        "everywhere": lambda: _bind_datagram(("", LISTENING_PORT)),
        "ipv6": lambda: _bind_datagram(_HERE_6, socket.AF_INET6),
        "mapped": lambda: _bind_datagram(("::ffff:" + DENIED, LISTENING_PORT), socket.AF_INET6),
        "in_thread": lambda: in_thread(_bind_datagram),
        "ctypes": lambda: _bind_datagram(bind=by_ctypes),
    }


@way
def listen_create_server():
    keep(socket.create_server(_HERE))


@way
def listen_socketserver():
    import socketserver

    class Server(socketserver.TCPServer):
        allow_reuse_address = True

    keep(Server(_HERE, socketserver.BaseRequestHandler).socket)


@way
def listen_socketserver_udp():
    import socketserver

    keep(socketserver.UDPServer(_HERE, socketserver.BaseRequestHandler).socket)


@way
def listen_http_server():
    import http.server

    keep(http.server.ThreadingHTTPServer(_HERE, http.server.BaseHTTPRequestHandler).socket)


@way
def listen_multiprocessing():
    import multiprocessing.connection

    keep(multiprocessing.connection.Listener(_HERE))


@way
def listen_any_port():
    """Without a bind the kernel chooses a port: where there is a list of allowed ports, it is none of them."""
    server = stream()
    keep(server)
    server.listen()
    return server.getsockname()[1]


@way
def listen_port_zero():
    server = stream()
    keep(server)
    server.bind((DENIED, 0))
    server.listen()
    return server.getsockname()[1]


@way
def listen_library():
    """Native code that is loaded later."""
    from native import library

    return _listen(listen=lambda server: checked(library().attack_listen(ctypes.c_int(server.fileno()))))
