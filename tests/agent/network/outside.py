"""What is outside of the function: hosts that take connections and datagrams, and a name server. They note what comes.

It is the judgement of the attacks on the network: a packet that arrived, not an exception.
"""

from __future__ import annotations

import ipaddress
import os
import selectors
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

PORTS = (7000, 7001)
_DNS, _IPV4 = 53, 0x0800
_A, _AAAA, _CNAME = 1, 28, 5
_PACKET_INFO = 49  # IPV6_RECVPKTINFO
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
# Names and what lies below them, by type.
ZONE = {
    "denied.example": {_A: "203.0.113.5", _AAAA: "2001:db8::5"},
    "allowed.example": {_A: "203.0.113.9", _AAAA: "2001:db8::9"},
}
ALIASES = {"alias.allowed.example": "elsewhere.denied.example"}

Arrival = tuple[str, str, int]


@dataclass
class Stream:
    """A connection that was accepted; questions come with their length before them."""

    here: tuple[str, int]
    received: bytearray = field(default_factory=bytearray)


class Outside:
    """Listens on every address of the namespace that it is made in."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._arrived: list[Arrival] = []
        self._wake, self._waker = os.pipe()
        self._idle = threading.Event()
        self._closing = False
        self._selector.register(self._wake, selectors.EVENT_READ)
        for port in (*PORTS, _DNS):
            self._add(_listener(port), self._accept)
            self._add(_receiver(port), self._receive)
        ping = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self._add(ping, self._ping)
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_IPV4))
        self._add(wire, self._route)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def arrived(self) -> list[Arrival]:
        """What arrived since the last call: protocol, address and port; or "name", the name, and its type."""
        self._idle.clear()
        os.write(self._waker, b".")
        self._idle.wait()
        news, self._arrived = self._arrived, []
        return news

    def close(self) -> None:
        self._closing = True
        os.write(self._waker, b".")
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self._selector.close()
        os.close(self._wake)
        os.close(self._waker)

    def _add(self, opened: socket.socket, act: Callable[[socket.socket], None]) -> None:
        opened.setblocking(False)
        self._selector.register(opened, selectors.EVENT_READ, act)

    def _serve(self) -> None:
        """Answer a wake-up only when nothing else is left to do."""
        while not self._closing:
            keys = [key for key, _ in self._selector.select()]
            while work := [key for key in keys if key.fileobj != self._wake]:
                for key in work:
                    key.data(key.fileobj)
                keys = [key for key, _ in self._selector.select(0)]
            if keys:
                os.read(self._wake, 4096)
                self._idle.set()

    def _note(self, protocol: str, place: tuple[str, int]) -> None:
        self._arrived.append((protocol, *place))

    def _ping(self, opened: socket.socket) -> None:
        packet = opened.recv(65536)
        if packet[20] == 8:
            self._note("ping", (str(ipaddress.ip_address(packet[16:20])), 0))

    def _route(self, opened: socket.socket) -> None:
        """A packet with a route of the sender's goes to the first place on it, whatever its socket says."""
        packet = opened.recv(65536)
        if packet[0] & 15 > 5:
            self._note("route", (str(ipaddress.ip_address(packet[16:20])), 0))

    def _accept(self, opened: socket.socket) -> None:
        try:
            connection, _ = opened.accept()
        except OSError:
            return
        here = _plain(connection.getsockname())
        self._note("tcp", here)
        stream = Stream(here)
        self._add(connection, lambda it: self._read(it, stream))

    def _read(self, connection: socket.socket, stream: Stream) -> None:
        try:
            data = connection.recv(65536)
            if data and stream.here[1] != _DNS:
                connection.send(_ANSWER)
        except OSError:
            data = b""
        stream.received += data
        if not data or stream.here[1] != _DNS:
            self._selector.unregister(connection)
            connection.close()
        while len(stream.received) > 2 and len(stream.received) >= 2 + (size := _size(stream.received)):
            self._question(bytes(stream.received[2 : 2 + size]))
            del stream.received[: 2 + size]

    def _receive(self, opened: socket.socket) -> None:
        data, control, _, sender = opened.recvmsg(65536, 256)
        address = next(info[:16] for level, _, info in control if level == socket.IPPROTO_IPV6)
        place = _plain((socket.inet_ntop(socket.AF_INET6, address), opened.getsockname()[1]))
        self._note("udp", place)
        if place[1] == _DNS and (answer := self._question(data)):
            opened.sendmsg([answer], control, 0, sender)

    def _question(self, message: bytes) -> bytes:
        questions, end = _questions(message)
        for name, kind in questions:
            self._note("name", (name, kind))
        return _answer(message, *questions[0], end) if questions else b""


def _size(data: bytearray) -> int:
    return struct.unpack_from("!H", data)[0]


def _listener(port: int) -> socket.socket:
    return socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=128)


def _receiver(port: int) -> socket.socket:
    opened = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    opened.setsockopt(socket.IPPROTO_IPV6, _PACKET_INFO, 1)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 23)
    opened.bind(("::", port))
    return opened


def _plain(place: Any) -> tuple[str, int]:
    address = ipaddress.IPv6Address(place[0])
    return str(address.ipv4_mapped or address), place[1]


def _questions(message: bytes) -> tuple[list[tuple[str, int]], int]:
    """The names that are asked for, in lower case, with their types, and where the first question ends."""
    found: list[tuple[str, int]] = []
    at, first = 12, 12
    try:
        for _ in range(struct.unpack_from("!H", message, 4)[0]):
            name, at = _name(message, at)
            found.append((name.lower(), struct.unpack_from("!H", message, at)[0]))
            at += 4
            first = first if len(found) > 1 else at
    except (IndexError, struct.error):
        pass
    return found, first


def _name(message: bytes, at: int) -> tuple[str, int]:
    labels = []
    while length := message[at]:
        if length >= 0xC0:
            rest, _ = _name(message, struct.unpack_from("!H", message, at)[0] & 0x3FFF)
            return ".".join([*labels, rest]), at + 2
        labels.append(message[at + 1 : at + 1 + length].decode("latin-1"))
        at += 1 + length
    return ".".join(labels), at + 1


def _answer(message: bytes, name: str, kind: int, end: int) -> bytes:
    records = []
    if name in ALIASES:
        target = b"".join(bytes([len(it)]) + it.encode() for it in ALIASES[name].split(".")) + b"\0"
        records.append((_CNAME, target))
        name = ALIASES[name]
    zone = next((ZONE[known] for known in ZONE if f".{name}".endswith(f".{known}")), None)
    if zone and kind in zone:
        records.append((kind, ipaddress.ip_address(zone[kind]).packed))
    flags = 0x8180 if zone else 0x8183
    text, owner = struct.pack("!2s5H", message[:2], flags, 1, len(records), 0, 0) + message[12:end], 0xC00C
    for type_, data in records:
        text += struct.pack("!3HIH", owner, type_, 1, 60, len(data))
        owner, text = 0xC000 | len(text) if type_ == _CNAME else owner, text + data
    return text
