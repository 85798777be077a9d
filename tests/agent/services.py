"""A place of their own for functions: a network with servers that answer, and a task root outside of /tmp.

A thread goes into a network and a mount namespace of its own; what it starts is in there too. Nothing of it can be
reached from outside, and nothing in it reaches beyond. It takes root, as making namespaces does.

    198.51.100.7, fd00::7     reached by address
    198.51.100.8, fd00::8     reached by the names under example.test alone
    198.51.100.53             the resolver that resolv.conf names
    /srv/task                 the task root, read-only
    /srv/secret/file          what policies may deny
"""

from __future__ import annotations

import ctypes
import http.server
import json
import os
import shutil
import socketserver
import ssl
import struct
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import trustme

ADDRESSES = ("198.51.100.7", "198.51.100.8", "198.51.100.53")
ADDRESSES6 = ("fd00::7", "fd00::8")
PLAIN, TLS, ECHO = 8080, 8443, 7007
_NAMED = b"\xc6\x33\x64\x08"  # 198.51.100.8
_NAMED6 = b"\xfd" + bytes(14) + b"\x08"
_CLONE_NEWNS, _CLONE_NEWNET = 0x20000, 0x40000000
_MS_RDONLY, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _mount(source: object, target: object, kind: str | None, flags: int) -> None:
    encoded = [os.fsencode(str(value)) if value else None for value in (source, target, kind)]
    _checked(_libc.mount(encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), None))


class Place:
    """The namespaces, and the servers in them. `call` runs something there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = folder / "authority.pem"
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.authority)
        certificate = authority.issue_cert("service.example.test", *ADDRESSES, *ADDRESSES6)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(self._context)
        self._servers: list[socketserver.BaseServer] = []
        self._thread = ThreadPoolExecutor(1)
        self.call(self._enter)

    def call(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Run in the namespaces; what is started there stays in them."""
        return self._thread.submit(function, *arguments, **named).result()

    def start(self, functions: Any, task_root: Path, policy: str | None, **variables: str) -> Any:
        """An execution environment whose task root is /srv/task."""
        return self.call(self._start, functions, task_root, policy, variables)

    def close(self) -> None:
        """Stop the servers; the namespaces end with what is in them."""
        for server in self._servers:
            server.shutdown()
            server.server_close()
        self._thread.shutdown()

    def _start(self, functions: Any, task_root: Path, policy: str | None, variables: dict[str, str]) -> Any:
        # A mount namespace for each environment: the mounts of those that run already stay.
        _checked(_libc.unshare(_CLONE_NEWNS))
        _mount(task_root, "/srv/task", None, _MS_BIND)
        _mount(None, "/srv/task", None, _MS_BIND | _MS_REMOUNT | _MS_RDONLY)
        named = {"AUTHORITY": str(self.authority), "HOME": "/tmp", **variables}
        return functions.start(Path("/srv/task"), policy, **named)

    def _enter(self) -> None:
        _checked(_libc.unshare(_CLONE_NEWNS | _CLONE_NEWNET))
        _mount(None, "/", None, _MS_REC | _MS_PRIVATE)
        _mount("none", "/srv", "tmpfs", 0)
        Path("/srv/task").mkdir()
        Path("/srv/secret").mkdir()
        Path("/srv/secret/file").write_text("secret")
        self._configure()
        for address in ADDRESSES:
            subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)
        for address in ADDRESSES6:
            subprocess.run(["ip", "address", "add", f"{address}/128", "dev", "lo"], check=True)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        self._serve(_Web("::", PLAIN), _Web("::", TLS, self._context))
        self._serve(_Echo(("", ECHO), _EchoStream), _EchoPackets(("", ECHO), _EchoPacket))
        resolver = (ADDRESSES[2], 53)
        self._serve(_Names(resolver, _Question), _NamesByStream(resolver, _QuestionByStream))

    def _configure(self) -> None:
        """As in a function's environment: one resolver, a search domain, no names in files but localhost."""
        files = {
            "resolv.conf": f"nameserver {ADDRESSES[2]}\nsearch internal.test\noptions timeout:2 attempts:2\n",
            "hosts": "127.0.0.1 localhost\n::1 localhost\n",
        }
        for name, text in files.items():
            (self.folder / name).write_text(text)
            _mount(self.folder / name, f"/etc/{name}", None, _MS_BIND)

    def _serve(self, *servers: socketserver.BaseServer) -> None:
        for server in servers:
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            self._servers.append(server)


class _Web(http.server.ThreadingHTTPServer):
    """Answers every request with what it was; on all addresses of both families."""

    daemon_threads = True

    def __init__(self, address: str, port: int, context: ssl.SSLContext | None = None) -> None:
        import socket

        self.address_family = socket.AF_INET6
        self.context = context
        super().__init__((address, port), _Answer)

    def get_request(self) -> Any:
        connection, address = super().get_request()
        if self.context:
            # The handshake is made by the handler's thread, with its first read.
            connection = self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, *_: object) -> None:
        """Say nothing: clients that refuse the certificate are part of the tests."""


class _Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "/here")
            text = b""
        else:
            self.send_response(200)
            self.send_header("ETag", '"1"')
            facts = {"method": self.command, "path": self.path, "host": self.headers.get("Host")}
            # S3 answers with nothing to what is put.
            text = b"" if self.command == "PUT" else json.dumps({**facts, "size": len(body)}).encode()
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)
        self.wfile.flush()

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _answer

    def handle_expect_100(self) -> bool:
        super().handle_expect_100()
        self.wfile.flush()
        return True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Echo(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


class _EchoPackets(socketserver.UDPServer):
    allow_reuse_address = True


class _EchoStream(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while data := self.request.recv(65536):
            self.request.sendall(data)


class _EchoPacket(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request[1].sendto(self.request[0], self.client_address)


class _Names(socketserver.ThreadingUDPServer):
    allow_reuse_address = daemon_threads = True


class _NamesByStream(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


class _Question(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request[1].sendto(answer(self.request[0], False), self.client_address)


class _QuestionByStream(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while prefix := self.rfile.read(2):
            message = answer(self.rfile.read(struct.unpack("!H", prefix)[0]), True)
            self.wfile.write(struct.pack("!H", len(message)) + message)


def answer(question: bytes, by_stream: bool) -> bytes:
    """The answer to a DNS question: one address for a name under example.test, none for others.

    Those that begin with `missing` do not exist, and those with `long` have to be asked for by TCP.
    """
    at, labels = 12, []
    while question[at]:
        labels.append(question[at + 1 : at + 1 + question[at]].lower())
        at += 1 + question[at]
    kind = struct.unpack("!H", question[at + 1 : at + 3])[0]
    exists = labels[-2:] == [b"example", b"test"] and labels[0] != b"missing"
    data = {1: _NAMED, 28: _NAMED6}.get(kind, b"") if exists else b""
    flags = 0x8180 | (0 if exists else 3) | (0x200 if labels[0] == b"long" and not by_stream else 0)
    header = struct.pack("!2s5H", question[:2], flags, 1, 1 if data else 0, 0, 0)
    record = struct.pack("!3HIH", 0xC00C, kind, 1, 60, len(data)) + data if data else b""
    return header + question[12 : at + 5] + record


def is_possible() -> bool:
    """Whether this process may make namespaces."""
    return os.geteuid() == 0 and shutil.which("ip") is not None
