"""Reading single values of a policy: each function gives the one way to write a value, or says why
it is none.

They raise ValueError with a sentence for people; whoever knows the place turns that into a
PolicyError. What is valid but pointless is no matter of this module: see `lint`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from defender.policy.model import Kind, Ports

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

HIGHEST_PORT = 65535
LONGEST_NAME = 253  # RFC 1035, 2.3.4: 255 octets on the wire
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
_RANGE = re.compile(r"([0-9]{1,5})-([0-9]{1,5})")
_NAME = re.compile(r"[a-z0-9_.*-]+")
_V4_IN_V6 = 96


def text(value: object) -> str:
    """A string without control characters."""
    if not isinstance(value, str):
        raise TypeError(f"must be a string, not {described(value)}")
    if _CONTROL.search(value):
        raise ValueError(f"{value!r} has a control character")
    return value


def entry(value: object) -> str:
    """A string of a list: not empty, no control characters, no space around it."""
    found = text(value)
    if not found:
        raise ValueError("an entry must not be empty")
    if found != found.strip():
        raise ValueError(f"{found!r} has a space at its start or end")
    return found


def pattern(value: object) -> str:
    """A pattern of a collection, such as `orders-*` or `-orders-test`."""
    found = entry(value)
    if found == "-":
        raise ValueError('"-" leaves out nothing: a pattern must follow')
    return found


def address(value: object) -> str:
    """An IP address or a network, in the shortest usual notation; IPv4-mapped IPv6 becomes IPv4."""
    import ipaddress

    found = entry(value)
    if "%" in found:
        raise ValueError(f"{found!r} has a zone: leave out the % and what follows it")
    try:
        given = ipaddress.ip_interface(found)
    except ValueError:
        raise ValueError(f"{found!r} is no IP address and no network such as 10.0.0.0/8") from None
    if given.ip != given.network.network_address:
        raise ValueError(f"{found!r} has bits beyond its prefix: write {given.network}")
    return _shortest(given.network)


def _shortest(network: IPv4Network | IPv6Network) -> str:
    import ipaddress

    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= _V4_IN_V6:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            network = ipaddress.IPv4Network((mapped, network.prefixlen - _V4_IN_V6))
    single = network.prefixlen == network.max_prefixlen
    return str(network.network_address) if single else str(network)


def ports(value: object) -> Ports:
    """Ports as the policy file has them: `443` or `"8000-8100"`."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError(f'must be a port or a range such as "8000-8100", not {described(value)}')
    if isinstance(value, int):
        return port_range(value, value)
    found = _RANGE.fullmatch(value)
    if found is None:
        hint = f": write {int(value)} without quotes" if re.fullmatch("[0-9]{1,5}", value) else ""
        raise ValueError(f'{value!r} is no range of ports such as "8000-8100"{hint}')
    return port_range(int(found[1]), int(found[2]))


def port_pair(value: object) -> Ports:
    """Ports as TW_POLICY has them: `[443, 443]`."""
    if not isinstance(value, list) or len(value) != 2:
        raise TypeError(f"must be a pair of ports, not {described(value)}")
    for port in value:
        if isinstance(port, bool) or not isinstance(port, int):
            raise TypeError(f"must be a pair of ports, not of {described(port)}")
    return port_range(value[0], value[1])


def port_range(first: int, last: int) -> Ports:
    """A range within 1 to 65535 whose ends are in order."""
    for port in (first, last):
        if not 1 <= port <= HIGHEST_PORT:
            raise ValueError(f"port {port} is not within 1 to {HIGHEST_PORT}")
    if first > last:
        raise ValueError(f"the range {first}-{last} ends before it starts: write {last}-{first}")
    return Ports(first, last)


def name(value: object) -> str:
    """A DNS name or pattern: lower case, no final dot, several leading wildcards made one."""
    found = entry(value)
    if "/" in found or ":" in found:
        raise ValueError(f"{found!r} is no DNS name: leave out scheme, port and path")
    if not found.isascii():
        raise ValueError(f"{found!r} is not ASCII: write the form that starts with xn--")
    lower = found.lower()
    if ".." not in lower:
        lower = lower.removesuffix(".")
    lower = re.sub(r"^\*\*+", "*", lower)
    lower = re.sub(r"^(\*\.)(\*\.)+", "*.", lower)
    if not _NAME.fullmatch(lower) or ".." in lower or lower.startswith("."):
        raise ValueError(f"{found!r} is no DNS name and no pattern such as *.example.com")
    if len(lower) > LONGEST_NAME:
        raise ValueError(f"{found!r} is longer than a DNS name may be ({LONGEST_NAME})")
    return lower


def path(value: object) -> str:
    """An absolute path without `.`, repeated or final slashes; `..` is refused."""
    found = entry(value)
    if not found.startswith("/"):
        raise ValueError(f"{found!r} is no absolute path: it must start with /")
    parts = [part for part in found.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ValueError(f"{found!r} has a .. in it: write the path that it leads to")
    return entry("/" + "/".join(parts))


def described(value: object) -> str:
    """What a value is, in words of the file rather than of Python."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, list):
        return "a list"
    return "a table" if isinstance(value, dict) else "a value of another type"


ENTRIES: dict[Kind, Callable[[object], object]] = {
    Kind.PATTERNS: pattern,
    Kind.PROGRAMS: entry,
    Kind.ADDRESSES: address,
    Kind.PORTS: ports,
    Kind.NAMES: name,
    Kind.PATHS: path,
}
