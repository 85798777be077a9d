"""Policies that allow: which addresses may be reached depends on the names that they were told for.

An address that no allowed name resolved to is not reached, whoever knows it; that of an allowed name is, without an
audit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

FAILED = {"raised": "gaierror", "errno": -4}
REFUSED = {"raised": "PermissionError", "errno": 1}
EPERM, REACHED = {"value": 1}, {"value": 0}
DENIED, DENIED_6, ALLOWED, ALLOWED_6 = "203.0.113.5", "2001:db8::5", "203.0.113.9", "2001:db8::9"
NAME = ("explicitlyDeniedDNS", "denied.example")
NONE: list[Any] = []


@pytest.fixture
def environment(lock: str, attacks: Any, make_policy: Any) -> Iterator[Callable[..., Any]]:
    """Starts an environment with effects and lists, and gives what runs an attack in it."""
    opened = []

    def start(network: str, dns: str, **lists: Any) -> Callable[[str], tuple[Any, Any]]:
        environment = attacks(make_policy(network, dns, **lists), lock == "locked")
        opened.append(environment)

        def run(way: str) -> tuple[Any, Any]:
            attempt = environment.run(way)
            found = [(audit["attackType"], audit.get("domain", audit.get("ip"))) for audit in attempt.audits]
            return attempt.answer, found

        return run

    yield start
    for one in opened:
        one.close()


def _address(text: str) -> list[tuple[str, str]]:
    return [("explicitlyDeniedIP", text)]


def test_only_allowed_names_lead_out(environment: Any) -> None:
    run = environment("prevent", "prevent", allow=("allowed.example",))
    assert run("reach_allowed") == (EPERM, _address(ALLOWED))
    assert run("reach_denied") == (EPERM, _address(DENIED))
    assert run("resolve_denied") == (FAILED, [NAME])
    assert run("reach_denied") == (EPERM, _address(DENIED))
    assert run("resolve_unknown") == (FAILED, [("explicitlyDeniedDNS", "nobody.nowhere")])
    assert run("resolve_allowed") == ({"value": ALLOWED}, NONE)
    assert run("reach_allowed") == (REACHED, NONE)
    assert run("reach_allowed_ipv6") == (EPERM, _address(ALLOWED_6))
    assert run("resolve_allowed_all") == ({"value": [ALLOWED_6, ALLOWED]}, NONE)
    assert run("reach_allowed_ipv6") == (REACHED, NONE)
    assert run("implicit") == ({"value": [0, 0, 0, 0, 0, 0, 2, True]}, NONE)


def test_block(environment: Any) -> None:
    run = environment("block", "block", allow=("allowed.example",))
    assert run("resolve_allowed") == ({"value": ALLOWED}, NONE)
    assert run("reach_allowed") == (REACHED, NONE)
    assert run("reach_denied") == (None, _address(DENIED))
    assert run("reach_allowed") == (None, _address(ALLOWED)), (
        "the next environment knows nothing of the last one"
    )


@pytest.mark.parametrize("way", ["resolve_allowed_query", "resolve_allowed_by_packet"])
def test_other_questions(environment: Any, way: str) -> None:
    """The resolver's answer counts, whichever of its functions asked. One to a packet by hand may be anybody's."""
    run = environment("prevent", "prevent", allow=("allowed.example",))
    assert run(way) == ({"value": True}, NONE)
    expected = (REACHED, NONE) if way == "resolve_allowed_query" else (EPERM, _address(ALLOWED))
    assert run("reach_allowed") == expected


def test_another_name_in_the_answer(environment: Any) -> None:
    """An allowed name whose owner says that another one is meant."""
    run = environment("prevent", "prevent", allow=("*.allowed.example",))
    assert run("resolve_alias") == ({"value": DENIED}, NONE)
    assert run("reach_denied") == (REACHED, NONE)


def test_another_name_in_the_attackers_file(environment: Any) -> None:
    """The attacker may not say that another name is meant."""
    run = environment("prevent", "prevent", allow=("short",))
    answer, found = run("resolve_by_host_alias")
    assert (answer, [kind for kind, _ in found]) == (FAILED, ["explicitlyDeniedDNS"])
    assert run("reach_denied") == (EPERM, _address(DENIED))


def test_denied_among_allowed_names(environment: Any) -> None:
    run = environment("prevent", "prevent", allow=("*.example",), deny=("denied.example",))
    assert run("resolve_allowed") == ({"value": ALLOWED}, NONE)
    assert run("resolve_denied") == (FAILED, [NAME])
    assert run("reach_denied") == (EPERM, _address(DENIED))


def test_allowed_addresses_beside_names(environment: Any) -> None:
    run = environment("prevent", "prevent", allow_ips=(ALLOWED,), allow=("allowed.example",))
    assert run("reach_allowed") == (REACHED, NONE)
    assert run("reach_allowed_ipv6") == (EPERM, _address(ALLOWED_6))
    assert run("resolve_allowed_all") == ({"value": [ALLOWED_6, ALLOWED]}, NONE)
    assert run("reach_allowed_ipv6") == (REACHED, NONE)


def test_names_on_trial_stop_nothing(environment: Any) -> None:
    run = environment("prevent", "alert", allow=("allowed.example",))
    assert run("resolve_denied") == ({"value": DENIED}, [NAME])
    assert run("reach_denied") == (REACHED, NONE)


def test_names_on_trial_beside_addresses(environment: Any) -> None:
    """An address that only a denied name resolved to is no allowed one, though the question was let through."""
    run = environment("prevent", "alert", allow_ips=("198.51.100.0/24",), allow=("allowed.example",))
    assert run("resolve_denied") == ({"value": DENIED}, [NAME])
    assert run("reach_denied") == (EPERM, _address(DENIED))
    assert run("resolve_allowed") == ({"value": ALLOWED}, NONE)
    assert run("reach_allowed") == (REACHED, NONE)


def test_all_on_trial(environment: Any) -> None:
    run = environment("alert", "alert", allow=("allowed.example",))
    assert run("resolve_denied") == ({"value": DENIED}, [NAME])
    assert run("reach_denied") == (REACHED, _address(DENIED))
    assert run("reach_allowed") == (REACHED, _address(ALLOWED))
    assert run("resolve_allowed") == ({"value": ALLOWED}, NONE)
    assert run("reach_allowed") == (REACHED, NONE)


def test_names_switched_off(environment: Any) -> None:
    run = environment("prevent", "disable", allow=("allowed.example",))
    assert run("resolve_denied") == ({"value": DENIED}, NONE)
    assert run("reach_denied") == (REACHED, NONE)


def test_names_alone(environment: Any) -> None:
    """A section of names does not enforce addresses."""
    run = environment("disable", "prevent", allow=("allowed.example",))
    assert run("resolve_denied") == (FAILED, [NAME])
    assert run("reach_denied") == (REACHED, NONE)


@pytest.mark.parametrize("way", ["listen_any_port", "listen_port_zero"])
def test_port_of_the_kernels_choice(environment: Any, way: str) -> None:
    """Only some ports may be listened on: whichever the kernel chooses is none of them."""
    answer, found = environment("prevent", "disable", allow_ports=(9001,))(way)
    assert (answer, [kind for kind, _ in found]) == (REFUSED, ["explicitlyDeniedListeningPort"])
