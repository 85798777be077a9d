"""Datagrams to a denied address."""

import ctypes
import os
import socket

from targets import (
    ALLOWED,
    DENIED,
    DENIED_6,
    DENIED_PORT,
    MAPPED,
    PORT,
    checked,
    datagram,
    inet,
    inet6,
    libc,
    messages,
)
from ways import in_child, in_thread, way, ways

_DATA = b"datagram"
_UNSPECIFIED = 0


def _sendto(family=socket.AF_INET, address=DENIED, port=PORT):
    with datagram(family) as client:
        return client.sendto(_DATA, (address, port))


def _connected(send, family=socket.AF_INET, address=DENIED):
    with datagram(family) as client:
        client.connect((address, PORT))
        return send(client)


@ways("udp")
def _datagrams():
    return {
        "sendto": _sendto,
        "sendto_ipv6": lambda: _sendto(socket.AF_INET6, DENIED_6),
        "sendto_mapped": lambda: _sendto(socket.AF_INET6, MAPPED),
        "sendto_denied_port": lambda: _sendto(address=ALLOWED, port=DENIED_PORT),
        "sendto_in_thread": lambda: in_thread(_sendto),
        "sendto_in_child": lambda: in_child(_sendto),
        "connected_send": lambda: _connected(lambda client: client.send(_DATA)),
        "connected_send_ipv6": lambda: _connected(
            lambda client: client.send(_DATA), socket.AF_INET6, DENIED_6
        ),
        "connected_send_mapped": lambda: _connected(
            lambda client: client.send(_DATA), socket.AF_INET6, MAPPED
        ),
        "connected_write": lambda: _connected(lambda client: os.write(client.fileno(), _DATA)),
    }


@way
def udp_connected_elsewhere():
    """A connected socket may still send to any address."""
    with datagram() as client:
        client.connect((ALLOWED, PORT))
        return client.sendto(_DATA, (DENIED, PORT))


@way
def udp_connected_again():
    with datagram() as client:
        client.connect((ALLOWED, PORT))
        client.connect((DENIED, PORT))
        return client.send(_DATA)


@way
def udp_sendmsg():
    with datagram() as client:
        return client.sendmsg([_DATA], [], 0, (DENIED, PORT))


@way
def udp_syslog():
    """The handler of logging reports errors to stderr and goes on: its socket is asked instead."""
    import logging.handlers

    handler = logging.handlers.SysLogHandler((DENIED, PORT))
    with handler.socket as client:
        return client.sendto(_DATA, handler.address)


def _sendmmsg(*addresses, family=socket.AF_INET):
    with datagram(family) as client:
        array = messages(_DATA, *addresses)
        return checked(libc().sendmmsg(client.fileno(), array, len(array), 0))


@way
def udp_sendmmsg():
    return _sendmmsg(inet())


@way
def udp_sendmmsg_ipv6():
    return _sendmmsg(inet6(), family=socket.AF_INET6)


@way
def udp_sendmmsg_second():
    """The first message may pass, and the call then tells how many did."""
    return _sendmmsg(inet(ALLOWED), inet())


@way
def udp_sendmmsg_first():
    return _sendmmsg(inet(), inet(ALLOWED))


def _raw_sendto(address, family):
    with datagram(family) as client:
        buffer = ctypes.create_string_buffer(address, len(address))
        return checked(libc().sendto(client.fileno(), _DATA, len(_DATA), 0, buffer, len(address)))


@way
def udp_without_family():
    """Linux takes an address of no family for one of IPv4."""
    return _raw_sendto(inet(family=_UNSPECIFIED), socket.AF_INET)


@way
def udp_other_family():
    """An address of IPv4 on a socket of IPv6."""
    return _raw_sendto(inet(), socket.AF_INET6)


@way
def udp_long_address():
    """What follows the address is not looked at."""
    return _raw_sendto(inet() + bytes(64), socket.AF_INET)


@way
def udp_connected_other_family():
    with datagram(socket.AF_INET6) as client:
        address = inet()
        checked(libc().connect(client.fileno(), address, len(address)))
        return client.send(_DATA)


@way
def ping():
    """An echo request: a socket that the kernel gives to the privileged."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as client:
        return client.sendto(bytes.fromhex("0800f7ff00000000"), (DENIED, 0))
