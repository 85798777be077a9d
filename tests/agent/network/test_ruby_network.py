"""A protected Ruby function that reaches for denied addresses, names and ports: judged by what arrived there.

The unprotected run shows that each way works on this machine, or its row could not fail.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from defender.policy import Dns, Effect, Identity, Listening, Network, Outbound, Ports, Rule, encode

CLIENT = Path(__file__).parents[1] / "ruby" / "client.rb"
SOURCE = Path(__file__).parents[1] / "functions" / "ruby_reach" / "app.rb"
IDENTITY = Identity(function="demo", region="us-east-1", provider="aws", account=None)
TO = {"ip": "203.0.113.5", "port": 7000, "listen": 9000, "name": "denied.example"}
WAYS = re.findall(
    r"^  '(\w+)' =>", SOURCE.read_text("utf-8").split("NETWORK = {")[1].split("}.freeze")[0], re.M
)
# getaddrinfo has errors of its own; Resolv sends its packets itself.
LOOKUPS = ("lookup_addrinfo", "lookup_tcp_socket", "lookup_ip_socket")


def policy(effect: str) -> str:
    network = Network(
        Effect(effect),
        Outbound(deny_ips=(TO["ip"],)),
        Listening(deny_ports=(Ports(TO["listen"], TO["listen"]),)),
    )
    dns = Dns(Effect(effect), deny=(TO["name"],))
    return encode(IDENTITY, Rule(name="network", network=network, dns=dns))


@pytest.fixture(scope="module")
def attempt(functions: Any, surroundings: Any, read_audits: Any) -> Callable[..., Any]:
    """Let a new environment try one way: its answer, what arrived where nothing should, and the audits' effects."""
    ruby = replace(functions, command=("ruby", str(CLIENT)))

    def run(effect: str | None, way: str) -> tuple[Any, set[tuple[str, str]], set[str]]:
        root = ruby.protected("ruby_reach") if effect else ruby.original("ruby_reach")
        given = policy(effect) if effect else None
        surroundings.arrived()
        with surroundings.namespace.run(lambda: ruby.start(root, given)) as environment:
            outcome = environment.invoke({"way": way, "to": TO})
            arrived = {(kind, place) for kind, place, port in surroundings.arrived()}
            found = {one["effect"] for one in read_audits(environment.errors())}
        denied = {(kind, place) for kind, place in arrived if place in (TO["ip"], TO["name"])}
        return outcome.document, denied, found

    return run


@pytest.mark.parametrize("way", WAYS)
def test_network(way: str, attempt: Callable[..., Any]) -> None:
    control, works, _ = attempt(None, way)
    assert works, control
    answer, arrived, found = attempt("prevent", way)
    assert (arrived, found) == (set(), {"prevent"}), answer
    assert answer["raised"] == ("SocketError" if way in LOOKUPS else "Errno::EPERM")
    answer, arrived, found = attempt("alert", way)
    assert (answer, arrived, found) == (control, works, {"alert"})
