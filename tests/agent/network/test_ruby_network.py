"""A protected Ruby function that reaches for denied addresses, names and ports: judged by what arrived there.

The unprotected run shows that each way works on this machine, or its row could not fail. All is tried with the kernel
lock and where the platform refuses it; `block`, which no lock plays a part in, with one of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

CLIENT = Path(__file__).parents[1] / "ruby" / "client.rb"
SOURCE = Path(__file__).parents[1] / "functions" / "ruby_reach" / "network.rb"
# Ways that differ in their last word, and what a prevented attempt raises.
REACHING: list[Any] = [
    ("tcp", "socket server server_sockets", "Errno::EPERM"),
    ("socket", "connect connect_nonblock tcp listen sendmsg", "Errno::EPERM"),
    ("", "addrinfo_connect net_http open_uri tls thread fiber fork ractor", "Errno::EPERM"),
    ("udp", "send connected bound", "Errno::EPERM"),
    ("", "resolv_dns", "Errno::EPERM"),
    ("lookup", "addrinfo tcp_socket ip_socket ip_addrinfo gethostbyname net_http", "SocketError"),
    ("lookup", "resolv", "Errno::EPERM"),
    ("syscall", "connect", "Errno::EPERM"),
    ("fiddle", "connect", "Errno::EPERM"),
]
WAYS = {
    (f"{prefix}_{word}" if prefix else word): raised
    for prefix, words, raised in REACHING
    for word in words.split()
}


@pytest.fixture(scope="module")
def start(functions: Any, attacks_by: Any, denying_policy: Any) -> Iterator[Any]:
    """Starts an environment in the namespace, and ends all of them in the end."""
    ruby = replace(functions, command=("ruby", str(CLIENT)))
    opened = []

    def start_one(effect: str | None, here: Any = ruby) -> Any:
        root = ruby.protected("ruby_reach") if effect else ruby.original("ruby_reach")
        opened.append(attacks_by(lambda: here.start(root, effect and denying_policy(effect))))
        return opened[-1]

    start_one.without_lock = lambda effect: start_one(effect, ruby.without_seccomp())  # type: ignore[attr-defined]
    yield start_one
    for one in opened:
        one.close()


@pytest.fixture(scope="module")
def environments(start: Any) -> dict[str, Any]:
    unlocked = {"unlocked": start.without_lock("prevent"), "block": start.without_lock("block")}
    return {"control": start(None), "prevent": start("prevent"), "alert": start("alert"), **unlocked}


def test_table_is_whole() -> None:
    assert sorted(re.findall(r"^  '(\w+)' =>", SOURCE.read_text("utf-8"), re.M)) == sorted(WAYS)


@pytest.mark.parametrize("way", WAYS)
def test_network(way: str, environments: dict[str, Any]) -> None:
    control = environments["control"].run(way)
    assert (control.kind, bool(control.arrived)) == ("response", True), control

    for name in ("prevent", "unlocked"):
        attempt = environments[name].run(way)
        assert (attempt.kind, attempt.arrived, effects(attempt)) == ("response", (), {"prevent"}), attempt
        assert attempt.answer["raised"] == WAYS[way]

    attempt = environments["alert"].run(way)
    assert (attempt.answer, attempt.arrived, effects(attempt)) == (control.answer, control.arrived, {"alert"})

    attempt = environments["block"].run(way)
    assert (attempt.kind, attempt.arrived, effects(attempt)) == ("exit", (), {"block"}), attempt


def effects(attempt: Any) -> set[str]:
    assert {audit["requestID"] for audit in attempt.audits} <= {attempt.request_id}
    return {audit["effect"] for audit in attempt.audits}
