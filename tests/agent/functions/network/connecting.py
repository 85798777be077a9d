"""Connections that Python's standard library makes. Modules are imported late: environments start often."""

import importlib
import select
import socket

from targets import ALLOWED, DENIED, DENIED_6, DENIED_PORT, MAPPED, PORT, stream
from ways import in_child, in_thread, way, ways

_FAST_OPEN, _FAST_OPEN_CONNECT = 0x20000000, 30


def _connect(family=socket.AF_INET, address=DENIED, port=PORT):
    with stream(family) as client:
        return client.connect((address, port))


@ways("socket")
def _sockets():
    def connect_ex(client):
        return client.connect_ex((DENIED, PORT))

    def non_blocking(client):
        client.setblocking(False)
        result = client.connect_ex((DENIED, PORT))
        select.select([], [client], [], 5)
        return result

    def with_timeout(client):
        client.settimeout(5)
        return client.connect((DENIED, PORT))

    def bound(client):
        client.bind((ALLOWED, 0))
        return client.connect((DENIED, PORT))

    def duplicate(client):
        with client.dup() as other:
            return other.connect((DENIED, PORT))

    def open_then_use(call):
        def attack():
            with stream() as client:
                return call(client)

        return attack

    return {
        "connect": _connect,
        "connect_ipv6": lambda: _connect(socket.AF_INET6, DENIED_6),
        "connect_mapped": lambda: _connect(socket.AF_INET6, MAPPED),
        "connect_number": lambda: _connect(address=str(int.from_bytes(socket.inet_aton(DENIED), "big"))),
        "connect_octal": lambda: _connect(address="0313.0.0161.05"),
        "connect_in_thread": lambda: in_thread(_connect),
        "connect_in_child": lambda: in_child(_connect),
        "connect_ex": open_then_use(connect_ex),
        "non_blocking": open_then_use(non_blocking),
        "with_timeout": open_then_use(with_timeout),
        "bound": open_then_use(bound),
        "duplicate": open_then_use(duplicate),
    }


@way
def socket_denied_port():
    return _connect(address=ALLOWED, port=DENIED_PORT)


@way
def socket_create_connection():
    return socket.create_connection((DENIED, PORT), 5).close()


@way
def socket_create_connection_ipv6():
    return socket.create_connection((DENIED_6, PORT), 5).close()


@ways("fast_open")
def _fast_open():
    def sendto():
        with stream() as client:
            return client.sendto(b"fast", _FAST_OPEN, (DENIED, PORT))

    def sendmsg():
        with stream() as client:
            return client.sendmsg([b"fast"], [], _FAST_OPEN, (DENIED, PORT))

    def connect():
        with stream() as client:
            client.setsockopt(socket.IPPROTO_TCP, _FAST_OPEN_CONNECT, 1)
            client.connect((DENIED, PORT))
            return client.send(b"fast")

    return {"sendto": sendto, "sendmsg": sendmsg, "connect": connect}


def _url(address=DENIED):
    return f"http://{address}:{PORT}/"


@way
def urllib_request():
    import urllib.request

    with urllib.request.urlopen(_url(), timeout=5) as answer:
        return answer.status


@way
def http_client():
    import http.client

    connection = http.client.HTTPConnection(DENIED, PORT, timeout=5)
    connection.request("GET", "/")
    try:
        return connection.getresponse().status
    finally:
        connection.close()


@way
def requests_get():
    import requests

    return requests.get(_url(), timeout=5).status_code


@way
def requests_get_ipv6():
    import requests

    return requests.get(_url(f"[{DENIED_6}]"), timeout=5).status_code


@way
def xmlrpc_client():
    import xmlrpc.client

    return xmlrpc.client.ServerProxy(_url()).attack()


def _of(module):
    return importlib.import_module(module)


@ways("library")
def _libraries():
    """Modules that get no answer which they understand: the connection is what counts."""

    def logs():
        with _of("logging.handlers").SocketHandler(DENIED, PORT).makeSocket(5):
            return

    return {
        "ftplib": lambda: _of("ftplib").FTP().connect(DENIED, PORT, timeout=0.2),
        "smtplib": lambda: _of("smtplib").SMTP(DENIED, PORT, timeout=0.2),
        "multiprocessing": lambda: _of("multiprocessing.connection").Client((DENIED, PORT)).close(),
        "logging": logs,
    }
