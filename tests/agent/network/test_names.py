"""Every way to ask for a denied name, judged by the question that the name server got."""

from __future__ import annotations

from typing import Any

import pytest

REFUSED = {"raised": "PermissionError", "errno": 1}
FAILED = {"raised": "gaierror", "errno": -4}
UNANSWERED = {"raised": "NameServerError", "errno": 3}
FAILED_IN_CHILD = {"value": 77 << 8}
NAME = {"attackType": "explicitlyDeniedDNS", "domain": "denied.example"}
BELOW = {**NAME, "domain": "c2vjcmv0.denied.example"}
ANY = {"attackType": "explicitlyDeniedDNS"}

# Ways that differ in their last word; what a prevented attempt answers; what its audit says; how many audits an
# attempt gives that goes on where a prevented one stops.
ROWS: list[Any] = [
    ("getaddrinfo", "name any_family ipv6 upper_case final_dot bytes in_thread", FAILED, NAME),
    ("getaddrinfo", "wide_letters wide_dot", FAILED, NAME),
    ("getaddrinfo", "below", FAILED, BELOW),
    ("getaddrinfo", "far_below escaped", FAILED, ANY),
    ("getaddrinfo", "in_child", {"value": (256 - 4) << 8}, NAME),
    ("", "gethostbyname asyncio_getaddrinfo", FAILED, NAME),
    ("", "gethostbyname_ex", FAILED, NAME, 2),
    ("", "getfqdn", {"value": "denied.example"}, NAME),
    ("", "create_connection_by_name", FAILED, NAME, 2),
    ("", "urllib_by_name", {"raised": "URLError", "errno": None}, NAME, 2),
    ("variable", "search search_second search_query alias alias_query", FAILED_IN_CHILD, ANY),
    ("ctypes_res", "query search querydomain nquery nsearch nquerydomain", UNANSWERED, NAME),
    ("ctypes_res", "query_escaped", UNANSWERED, ANY),
    ("ctypes_res", "send nsend", REFUSED, NAME),
    ("ctypes", "gethostbyname gethostbyname2 gethostbyname_r gethostbyname2_r", UNANSWERED, NAME),
    ("ctypes", "getnetbyname getnetbyname_r", UNANSWERED, NAME),
    ("ctypes", "getaddrinfo getaddrinfo_a", {"value": -4}, NAME),
    ("native", "getaddrinfo", {"value": -4}, NAME),
    ("syscall", "packet_write", REFUSED, NAME),
    ("", "ctypes_send_other_name", REFUSED, NAME),
    ("packet_udp", "name upper_case second_question with_more redirected connected_by_child", REFUSED, NAME),
    ("packet_udp", "below", REFUSED, BELOW),
    ("packet_udp", "pointing with_tail", REFUSED, ANY),
    ("packet_udp_connected", "send write writev sendmsg sendmmsg stream", REFUSED, NAME),
    ("packet_udp_connected", "ctypes_write ctypes_send", REFUSED, NAME),
    ("packet_udp_connected", "sendfile splice", REFUSED, ANY),
    ("packet_udp_to", "sendmsg sendmmsg other_server thread", REFUSED, NAME),
    ("packet_udp_to", "child", {"value": 1 << 8}, NAME),
    ("packet_tcp", "name other_server upper_case second_message fast_open", REFUSED, NAME),
    ("packet_tcp", "send write writev sendmsg sendmmsg stream ctypes_write ctypes_send", REFUSED, NAME),
    ("packet_tcp", "sendfile splice", REFUSED, ANY),
    ("packet_tcp", "split split_in_name split_in_length", REFUSED, ANY, 2),
    ("packet_tcp", "split_after_allowed", REFUSED, ANY, 2),
    ("packet_tcp", "byte_by_byte", REFUSED, ANY, 34),
]
# What no hook sees: a jump to an address that nobody looked up, and functions of the C library that write or ask from
# within the library, which only native code and ctypes call.
AROUND = [
    "around_computed_getaddrinfo",
    "ctypes_stdio",
    "ctypes_dprintf",
    "ctypes_aio_write",
    "ctypes_name_service",
]


def test_way(way: Any, lock: str, unprotected: Any, protected: dict[str, Any], check: Any) -> None:
    check(way, lock, unprotected, protected)


@pytest.mark.parametrize("way", AROUND)
def test_way_around_the_hooks(way: str, unprotected: Any, protected: dict[str, Any]) -> None:
    """docs/security.md says what an attacker must have for it."""
    control = unprotected.once(way)
    assert control.arrived
    assert protected["prevent"].run(way).arrived == control.arrived
