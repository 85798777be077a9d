"""Addresses of names, for policies that allow names: whether an address may be reached depends on who told it."""

import os
import socket
import tempfile

from packets import question
from targets import (
    ALLOWED,
    ALLOWED_6,
    ALLOWED_NAME,
    DENIED,
    DNS_PORT,
    NAME,
    PORT,
    RESOLVER,
    datagram,
    libc,
    stream,
)
from ways import way


def _reach(address, family=socket.AF_INET):
    with stream(family) as client:
        return client.connect_ex((address, PORT))


@way
def reach_denied():
    return _reach(DENIED)


@way
def reach_allowed():
    return _reach(ALLOWED)


@way
def reach_allowed_ipv6():
    return _reach(ALLOWED_6, socket.AF_INET6)


@way
def resolve_allowed():
    return socket.gethostbyname(ALLOWED_NAME)


@way
def resolve_allowed_all():
    found = socket.getaddrinfo(ALLOWED_NAME, PORT, type=socket.SOCK_STREAM)
    return sorted(place[0] for *_, place in found)


@way
def resolve_allowed_query():
    from names import _query

    return _query("res_query", ALLOWED_NAME.encode()) > 0


@way
def resolve_allowed_by_packet():
    """By hand, with the answer of whoever was asked."""
    with datagram() as client:
        client.settimeout(5)
        client.sendto(question(ALLOWED_NAME), (RESOLVER, DNS_PORT))
        return len(client.recv(512)) > 0


@way
def resolve_denied():
    return socket.gethostbyname(NAME)


@way
def resolve_alias():
    """The allowed name's answer is that of another name (CNAME)."""
    return socket.gethostbyname("alias." + ALLOWED_NAME)


@way
def resolve_by_host_alias():
    """A file of the attacker's says that an allowed short name means the denied one."""
    with tempfile.NamedTemporaryFile("w") as aliases:
        aliases.write(f"short {NAME}\n")
        aliases.flush()
        os.environ["HOSTALIASES"] = aliases.name
        try:
            libc()["__res_init"]()
            return socket.gethostbyname("short")
        finally:
            del os.environ["HOSTALIASES"]


@way
def resolve_unknown():
    return socket.gethostbyname("nobody.nowhere")


@way
def implicit():
    """What every policy lets through: loopback, by each of its names."""
    results = {}
    for address, family in (
        ("127.0.0.1", socket.AF_INET),
        ("127.1.2.3", socket.AF_INET),
        ("0.0.0.0", socket.AF_INET),
        ("::1", socket.AF_INET6),
        ("::", socket.AF_INET6),
        ("::ffff:127.0.0.1", socket.AF_INET6),
    ):
        results[address] = _reach(address, family)
    results["localhost"] = len(socket.getaddrinfo("localhost", PORT, socket.AF_INET, socket.SOCK_STREAM))
    results[socket.gethostname()] = bool(socket.gethostbyname(socket.gethostname()))
    return list(results.values())
