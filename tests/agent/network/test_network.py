"""Every way to reach a denied address or port, or to listen on one, judged by what arrived there.

The unprotected run shows that each way works on this machine, or its row could not fail. All is tried with the kernel
lock and where the platform refuses it; `block`, which no lock plays a part in, with one of them.
"""

from __future__ import annotations

from typing import Any

import pytest

REFUSED = {"raised": "PermissionError", "errno": 1}
IN_CHILD = {"value": 1 << 8}
DENIED, DENIED_6, ALLOWED = "203.0.113.5", "2001:db8::5", "203.0.113.9"
ADDRESS = {"attackType": "explicitlyDeniedIP", "ip": DENIED, "port": 7000}
ADDRESS_6 = {**ADDRESS, "ip": DENIED_6}
PORT = {"attackType": "explicitlyDeniedOutboundPort", "ip": ALLOWED, "port": 7001}
ROUTE = {"attackType": "explicitlyDeniedIP"}  # By way of a denied address, which the audit can't name.
LISTENING = {"attackType": "explicitlyDeniedListeningPort", "port": 9000}
WRAPPED = {"raised": "URLError", "errno": None}
WRAPPED_TWICE = {"raised": "ConnectionError", "errno": None}

# Ways that differ in their last word; what a prevented attempt answers; what its audit says.
ROWS: list[Any] = [
    ("socket", "connect connect_mapped connect_number connect_octal connect_in_thread", REFUSED, ADDRESS),
    ("socket", "with_timeout bound duplicate create_connection", REFUSED, ADDRESS),
    ("socket", "connect_ipv6 create_connection_ipv6", REFUSED, ADDRESS_6),
    ("socket", "connect_in_child", IN_CHILD, ADDRESS),
    ("socket", "connect_ex non_blocking", {"value": 1}, ADDRESS),
    ("socket", "denied_port", REFUSED, PORT),
    ("fast_open", "sendto sendmsg connect", REFUSED, ADDRESS),
    ("", "urllib_request", WRAPPED, ADDRESS),
    ("", "requests_get", WRAPPED_TWICE, ADDRESS),
    ("", "requests_get_ipv6", WRAPPED_TWICE, ADDRESS_6),
    ("", "http_client xmlrpc_client multipath_tcp", REFUSED, ADDRESS),
    ("library", "ftplib smtplib multiprocessing logging", REFUSED, ADDRESS),
    ("asyncio", "open_connection sock_connect create_connection", REFUSED, ADDRESS),
    ("asyncio", "datagram_endpoint datagram_sendto sock_sendto", REFUSED, ADDRESS),
    ("asyncio", "start_server bound_endpoint", REFUSED, LISTENING),
    ("udp", "sendto sendto_mapped sendto_in_thread sendmsg syslog", REFUSED, ADDRESS),
    ("udp", "connected_send connected_send_mapped connected_write", REFUSED, ADDRESS),
    ("udp", "connected_elsewhere connected_again connected_other_family", REFUSED, ADDRESS),
    ("udp", "without_family other_family long_address sendmmsg sendmmsg_first", REFUSED, ADDRESS),
    ("udp", "sendto_ipv6 connected_send_ipv6 sendmmsg_ipv6", REFUSED, ADDRESS_6),
    ("udp", "sendmmsg_second", {"value": 1}, ADDRESS),
    ("udp", "sendto_in_child", IN_CHILD, ADDRESS),
    ("udp", "sendto_denied_port", REFUSED, PORT),
    ("", "udp_source_route udp_source_route_message tcp_source_route", REFUSED, ROUTE),
    ("", "ping", REFUSED, {**ADDRESS, "port": 0}),
    ("listen", "tcp tcp_everywhere tcp_ipv6 tcp_ipv6_everywhere tcp_mapped", REFUSED, LISTENING),
    ("listen", "tcp_in_thread ctypes create_server socketserver http_server", REFUSED, LISTENING),
    ("listen", "socketserver_udp multiprocessing library", REFUSED, LISTENING),
    ("bind_udp", "here everywhere ipv6 mapped in_thread ctypes", REFUSED, LISTENING),
    ("ctypes_connect", "ipv4 other_name looked_up of_version in_thread", REFUSED, ADDRESS),
    ("ctypes_connect", "ipv6", REFUSED, ADDRESS_6),
    ("ctypes_connect", "in_child", IN_CHILD, ADDRESS),
    ("ctypes_connect", "other_namespace", {"value": -1}, ADDRESS),
    ("syscall", "connect sendto sendmsg sendmmsg", REFUSED, ADDRESS),
    ("syscall", "connect_ipv6", REFUSED, ADDRESS_6),
    ("syscall", "bind listen", REFUSED, LISTENING),
    ("native", "connect table thread vfork sendto sendmsg", REFUSED, ADDRESS),
]
# Stopped by no hook, and by no lock: machine code, jumps to addresses that nobody looked up, and old functions of the C
# library that connect from within it, which only native code and ctypes call.
AROUND = [
    "around_machine_code",
    "around_computed_address",
    "around_computed_syscall",
    "ctypes_rexec",
    "ctypes_rpc",
]
RINGS = ["io_uring_connect"]
RACES = ["race_connect", "race_sendto", "race_sendmsg", "race_sendmmsg", "race_control"]


def test_way(way: Any, lock: str, unprotected: Any, protected: dict[str, Any], check: Any) -> None:
    check(way, lock, unprotected, protected)


@pytest.mark.parametrize("way", AROUND)
def test_way_around_the_hooks(way: str, unprotected: Any, protected: dict[str, Any]) -> None:
    """docs/security.md says what an attacker must have for it: native code execution, or ctypes."""
    assert unprotected.once(way).arrived
    attempt = protected["prevent"].run(way)
    assert (attempt.arrived, attempt.audits) == (unprotected.once(way).arrived, [])


@pytest.mark.parametrize("way", RINGS)
def test_ring(way: str, unprotected: Any, protected: dict[str, Any]) -> None:
    """A connection that the kernel makes from a queue in memory: no queue is to be had."""
    assert unprotected.once(way).arrived
    attempt = protected["prevent"].run(way)
    assert (attempt.answer, attempt.arrived) == (REFUSED, ())
    assert [(audit["attackType"], audit["count"]) for audit in attempt.audits] == [("policyHijacked", 1)]


@pytest.mark.parametrize("way", RACES)
def test_race(way: str, unprotected: Any, protected: dict[str, Any]) -> None:
    """What is judged is a copy, and the copy is what the kernel gets: nothing arrives in thousands of attempts."""
    assert unprotected.once(way).arrived
    attempt = protected["prevent"].run(way)
    assert (attempt.answer, attempt.arrived) == ({"value": "done"}, ())
    assert {audit["attackType"] for audit in attempt.audits} == {"explicitlyDeniedIP"}
