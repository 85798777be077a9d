"""Questions to a name server that are written by hand: bytes to port 53."""

import os
import socket
import struct
import tempfile

from targets import (
    ALLOWED,
    ALLOWED_NAME,
    DNS_PORT,
    NAME,
    RESOLVER,
    checked,
    datagram,
    inet,
    libc,
    messages,
    stream,
)
from ways import in_child, in_thread, way, ways

_HEADER = struct.Struct("!6H")
_QUESTION = struct.pack("!2H", 1, 1)


def _labels(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))


def question(*names):
    """A message with a question for each name."""
    questions = b"".join(_labels(name) + b"\0" + _QUESTION for name in names)
    return _HEADER.pack(7, 0x100, len(names), 0, 0, 0) + questions


def _pointing():
    """The second name ends by pointing into the first."""
    return question("a." + NAME, "b")[: -len(_QUESTION) - 1] + b"\xc0\x0e" + _QUESTION


def _with_answer_of_other_name():
    """An additional record: that a question is followed by something is usual."""
    return question(NAME)[:10] + b"\0\1" + question(NAME)[12:] + bytes.fromhex("0000291000000000000000")


PACKETS = {
    "name": question(NAME),
    "upper_case": question("DENIED.ExAmPle"),
    "below": question("c2VjcmV0." + NAME),
    "second_question": question(ALLOWED_NAME, NAME),
    "pointing": _pointing(),
    "with_more": _with_answer_of_other_name(),
    "with_tail": question(NAME) + b"tail",
}


def _udp(send, server=RESOLVER):
    with datagram() as client:
        client.connect((server, DNS_PORT))
        return send(client)


def _sendto(packet, server=RESOLVER):
    with datagram() as client:
        return client.sendto(packet, (server, DNS_PORT))


@ways("packet_udp")
def _packets():
    return {name: (lambda packet=packet: _sendto(packet)) for name, packet in PACKETS.items()}


def _sendfile(client, data):
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        return os.sendfile(client.fileno(), file.fileno(), 0, len(data))


def _splice(client, data):
    here, there = os.pipe()
    try:
        os.write(there, data)
        return os.splice(here, client.fileno(), len(data))
    finally:
        os.close(here)
        os.close(there)


def _sendmmsg(client, data, address=None):
    array = messages(data, address)
    return checked(libc().sendmmsg(client.fileno(), array, 1, 0))


# Ways to bring bytes into a connected socket.
_SENDING = {
    "send": lambda client, data: client.send(data),
    "write": lambda client, data: os.write(client.fileno(), data),
    "writev": lambda client, data: os.writev(client.fileno(), [data[:5], data[5:]]),
    "pwritev": lambda client, data: os.pwritev(client.fileno(), [data], -1, 0),
    "sendmsg": lambda client, data: client.sendmsg([data[:9], data[9:]]),
    "sendmmsg": _sendmmsg,
    "sendfile": _sendfile,
    "splice": _splice,
    "stream": lambda client, data: client.makefile("wb", buffering=0).write(data),
    "ctypes_write": lambda client, data: checked(libc().write(client.fileno(), data, len(data))),
    "ctypes_send": lambda client, data: checked(libc().send(client.fileno(), data, len(data), 0)),
}


@ways("packet_udp_connected")
def _connected():
    return {
        name: (lambda send=send: _udp(lambda client: send(client, PACKETS["name"])))
        for name, send in _SENDING.items()
        if name != "pwritev"
    }


@ways("packet_udp_to")
def _to():
    def sendmsg():
        with datagram() as client:
            return client.sendmsg([PACKETS["name"]], [], 0, (RESOLVER, DNS_PORT))

    def sendmmsg():
        with datagram() as client:
            return _sendmmsg(client, PACKETS["name"], inet(RESOLVER, DNS_PORT))

    return {
        "sendmsg": sendmsg,
        "sendmmsg": sendmmsg,
        "other_server": lambda: _sendto(PACKETS["name"], ALLOWED),
        "thread": lambda: in_thread(lambda: _sendto(PACKETS["name"])),
        "child": lambda: in_child(lambda: _sendto(PACKETS["name"])),
    }


def _framed(packet):
    return struct.pack("!H", len(packet)) + packet


def _tcp(*parts, send=lambda client, data: client.send(data), server=RESOLVER):
    with stream() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.connect((server, DNS_PORT))
        return [send(client, part) for part in parts]


@ways("packet_tcp")
def _streams():
    framed = _framed(PACKETS["name"])
    allowed = _framed(question(ALLOWED_NAME))
    table = {
        "name": lambda: _tcp(framed),
        "other_server": lambda: _tcp(framed, server=ALLOWED),
        "upper_case": lambda: _tcp(_framed(PACKETS["upper_case"])),
        "second_message": lambda: _tcp(allowed + framed),
        "split": lambda: _tcp(framed[:2], framed[2:]),
        "split_in_name": lambda: _tcp(framed[:20], framed[20:]),
        "split_after_allowed": lambda: _tcp(allowed + framed[:20], framed[20:]),
        "split_in_length": lambda: _tcp(framed[:1], framed[1:]),
        "byte_by_byte": lambda: _tcp(*(framed[i : i + 1] for i in range(len(framed)))),
    }
    table.update(
        {
            name: (lambda send=send: _tcp(framed, send=send))
            for name, send in _SENDING.items()
            if name != "pwritev"
        }
    )
    return table


@way
def packet_tcp_fast_open():
    """The question travels with the call that connects."""
    framed = _framed(PACKETS["name"])
    with stream() as client:
        return client.sendto(framed, 0x20000000, (RESOLVER, DNS_PORT))


@way
def packet_udp_connected_by_child():
    """A child connects the socket that it has in common with this process."""
    with datagram() as client:
        in_child(lambda: client.connect((RESOLVER, DNS_PORT)))
        return client.send(PACKETS["name"])


@way
def packet_udp_redirected():
    """The descriptor that is written to was opened for something else."""
    with datagram() as client:
        client.connect((RESOLVER, DNS_PORT))
        target = os.open("/dev/null", os.O_WRONLY)
        os.dup2(client.fileno(), target)
        try:
            return os.write(target, PACKETS["name"])
        finally:
            os.close(target)
