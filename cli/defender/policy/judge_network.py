"""The verdict of a network section on an address or a port, as the core gives it.

Pure: facts in, judgement out. It asks no resolver; who asks says whether an address came from an
allowed name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from defender.policy.judge import Judgement
from defender.policy.model import Effect, Listening, Network, Outbound, Ports, Rule

IP = "explicitlyDeniedIP"
OUTBOUND_PORT = "explicitlyDeniedOutboundPort"
LISTENING_PORT = "explicitlyDeniedListeningPort"


@dataclass(frozen=True, slots=True)
class OutboundFacts:
    """A connection about to be made, or a packet about to be sent.

    `implicit`: one of the addresses that every function may reach. `resolved`: it was returned for a
    name that the allow list of dns has.
    """

    address: str
    port: int
    implicit: bool = False
    resolved: bool = False


def judge_outbound(rule: Rule, facts: OutboundFacts) -> Judgement:
    """Whether an address and port may be reached; the allow list of dns counts too."""
    section = rule.network
    if section.effect is Effect.DISABLE:
        return Judgement(None, "network is disabled")
    if facts.implicit:
        return Judgement(None, f"{facts.address} may be reached by every function")
    return _denied_outright(section.outbound, facts) or _by_address(rule, facts)


def _denied_outright(lists: Outbound, facts: OutboundFacts) -> Judgement | None:
    denied = _covering(lists.deny_ips, facts.address)
    if denied is not None:
        return Judgement(IP, f'{facts.address} is denied by "{denied}"', denied)
    why = _closed(lists, facts.port)
    return None if why is None else Judgement(OUTBOUND_PORT, why)


def _by_address(rule: Rule, facts: OutboundFacts) -> Judgement:
    """What the allow lists of addresses and of names make of it."""
    address, allow = facts.address, rule.network.outbound.allow_ips
    if not allow and not rule.limits_addresses():
        return Judgement(None, f"{address} may be reached: nothing denies it")
    allowed = _covering(allow, address)
    if allowed is not None:
        return Judgement(None, f'{address} may be reached: "{allowed}" allows it')
    if facts.resolved:
        return Judgement(None, f"{address} may be reached: it was returned for an allowed name")
    return Judgement(IP, f"{address} is denied: it is not on the allow list, nor that of an allowed name")


def judge_listening(section: Network, port: int) -> Judgement:
    """Whether a port may be listened on."""
    if section.effect is Effect.DISABLE:
        return Judgement(None, "network is disabled")
    why = _closed(section.listening, port)
    if why is not None:
        return Judgement(LISTENING_PORT, why)
    return Judgement(None, f"port {port} may be listened on: nothing denies it")


def _closed(lists: Outbound | Listening, port: int) -> str | None:
    """Why the lists of ports deny a port."""
    if _has(lists.deny_ports, port):
        return f"port {port} is denied: it is on the deny list"
    if lists.allow_ports and not _has(lists.allow_ports, port):
        return f"port {port} is denied: it is not on the allow list"
    return None


def _covering(entries: Iterable[str], address: str) -> str | None:
    host = _host(address)
    return next((entry for entry in entries if host in _network(entry)), None)


def _host(text: str) -> IPv4Address | IPv6Address:
    """The address; one of IPv4 that is mapped into IPv6 is one of IPv4."""
    host = ip_address(text)
    mapped = host.ipv4_mapped if isinstance(host, IPv6Address) else None
    return host if mapped is None else mapped


@lru_cache(maxsize=1024)
def _network(text: str) -> IPv4Network | IPv6Network:
    return ip_network(text)


def _has(ranges: Iterable[Ports], port: int) -> bool:
    return any(first <= port <= last for first, last in ranges)
