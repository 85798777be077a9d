"""A protected Java function that reaches for denied addresses, names and ports: judged by what arrived there.

The unprotected run shows that each way works on this machine, or its row could not fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from defender.policy import Dns, Effect, Identity, Listening, Network, Outbound, Ports, Rule, encode

from .rows import NETWORK

HANDLER = "attacks.Attacks"
IDENTITY = Identity(function="demo", region="us-east-1", provider="aws", account=None)
IP, PORT, LISTEN, NAME = "203.0.113.5", 7000, 9000, "denied.example"
EFFECTS = (None, "prevent", "unlocked", "alert")
# What the innermost error is: java.net's own for what it asked of the C library, else the system's word.
LOOKUPS = {"lookup", "lookup_all", "lookup_by_socket"}


def policy(effect: str) -> str:
    network = Network(
        Effect(effect), Outbound(deny_ips=(IP,)), Listening(deny_ports=(Ports(LISTEN, LISTEN),))
    )
    dns = Dns(Effect(effect), deny=(NAME,))
    return encode(IDENTITY, Rule(name="network", network=network, dns=dns))


@pytest.fixture(scope="module")
def start(attacking: Any, surroundings: Any) -> Callable[[str | None], Any]:
    """A new environment in the network of its own; without an effect the function as it was."""

    def run(effect: str | None) -> Any:
        if effect is None:
            return surroundings.namespace.run(lambda: attacking.start(HANDLER))
        java = attacking.without_seccomp() if effect == "unlocked" else attacking
        given = policy("prevent" if effect == "unlocked" else effect)
        return surroundings.namespace.run(lambda: java.start_protected(HANDLER, given))

    return run


@pytest.fixture(scope="module")
def started(start: Callable[[str | None], Any]) -> Iterator[dict[str | None, Any]]:
    """The environments of the ways that leave nothing behind."""
    environments = {effect: start(effect) for effect in EFFECTS}
    yield environments
    for environment in environments.values():
        environment.close()


@pytest.fixture(scope="module")
def attempt(start: Any, started: dict[str | None, Any], surroundings: Any, read_audits: Any) -> Any:
    """Lets the function try one way: its answer, what arrived where nothing should, and the audits' effects."""

    def run(effect: str | None, way: str) -> tuple[Any, set[tuple[str, str]], set[str]]:
        surroundings.arrived()
        leaves_something = way.startswith(
            ("server_", "lookup")
        )  # a port that is bound, a name in Java's cache
        environment = start(effect) if leaves_something else started[effect]
        event = {"table": "network", "way": way, "at": f"{IP} {PORT} {LISTEN} {NAME}"}
        outcome = environment.invoke(event)
        arrived = {(kind, place) for kind, place, port in surroundings.arrived()}
        mine = environment.request_id
        found = {one["effect"] for one in read_audits(environment.errors()) if one["requestID"] == mine}
        if leaves_something:
            environment.close()
        denied = {(kind, place) for kind, place in arrived if place in (IP, NAME)}
        return outcome.document, denied, found

    return run


@pytest.mark.parametrize("way", NETWORK)
def test_network(way: str, attempt: Callable[..., Any]) -> None:
    control, works, _ = attempt(None, way)
    assert works, control
    for effect in ("prevent", "unlocked"):
        answer, arrived, found = attempt(effect, way)
        assert (arrived, found) == (set(), {"prevent"}), answer
        if way in LOOKUPS:
            assert answer["first"] == "java.net.UnknownHostException"
        else:
            assert "Operation not permitted" in answer["message"], answer
    answer, arrived, found = attempt("alert", way)
    assert (answer, arrived, found) == (control, works, {"alert"})
