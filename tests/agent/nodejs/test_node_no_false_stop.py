"""Sensible policies stop nothing of what ordinary Node.js functions do: same answers, and no audit.

Functions run in namespaces of their own (services.py). Packages of npm are those of tests/node-packages; they need a
newer Node.js than the oldest.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from defender.policy import Dns, Effect, Filesystem, Network, Processes
from defender.policy.model import Outbound

PACKAGES = Path(__file__).parents[3] / "build" / "node-packages" / "node_modules"
PREVENT = Effect.PREVENT
PROCESSES = Processes(effect=PREVENT, allow=("/usr/bin/cat",), crypto_miners=True)
NAMES = Dns(effect=PREVENT, allow=("service.example.test", "*.example.test", "localhost"))
# The second address is reached by name alone: what the resolver answered for an allowed name passes.
NETWORK = Network(effect=PREVENT, outbound=Outbound(allow_ips=("198.51.100.7",)))
FILES = Filesystem(effect=PREVENT, allow=("/tmp",))
SECTIONS: dict[str, dict[str, Any]] = {
    "block-all": {"processes": Processes(effect=PREVENT, block_all=True, crypto_miners=True)},
    "processes": {"processes": PROCESSES},
    "network": {"network": NETWORK, "dns": NAMES},
    "dns": {"dns": NAMES},
    "files-allowed": {"filesystem": FILES},
    "files-denied": {"filesystem": Filesystem(effect=PREVENT, deny=("/srv/secret",))},
    "all": {"processes": PROCESSES, "network": NETWORK, "dns": NAMES, "filesystem": FILES},
}
# What c-ares asks itself gives no address that the list of networks lets through, which is a documented limit; nothing
# here connects to what it found.
STARTS_OTHERS = {"program_cat", "program_cat_piped"}


@pytest.fixture(scope="module", params=[14, 24], ids=lambda major: f"node{major}")
def node(request: pytest.FixtureRequest, functions: Any) -> Any:
    return functions.on_node(request.param)


@pytest.fixture(scope="module")
def original(place: Any, node: Any) -> Any:
    """What the unprotected function answers; asked once for each thing to do."""
    root = node.original("nodejs_ordinary")
    with place.start(node, root, None, NODE_PATH=str(PACKAGES)) as environment:
        answers: dict[str, Any] = {}
        for doing in environment.invoke({"doing": "list"}).document:
            answers[doing] = environment.invoke({"doing": doing})
            assert answers[doing].kind == "response", (doing, answers[doing].document)
        yield answers


@pytest.mark.parametrize("section", SECTIONS)
def test_works_and_gives_no_audit(
    section: str, place: Any, node: Any, policy_of: Any, original: dict[str, Any], read_audits: Any
) -> None:
    root = node.protected("nodejs_ordinary")
    with place.start(node, root, policy_of(**SECTIONS[section]), NODE_PATH=str(PACKAGES)) as environment:
        for doing, expected in original.items():
            if section == "block-all" and doing in STARTS_OTHERS:
                continue
            found = environment.invoke({"doing": doing})
            assert (found, doing) == (expected, doing), environment.errors()[-3000:]
            given = read_audits(environment.errors())
            assert given == [], (doing, json.dumps(given))


def test_alert_changes_no_answer(
    place: Any, node: Any, policy_of: Any, original: dict[str, Any], read_audits: Any
) -> None:
    """Everything that can be denied is, and only said."""
    alert = Effect.ALERT
    policy = policy_of(
        processes=Processes(effect=alert, block_all=True),
        network=Network(effect=alert, outbound=Outbound(deny_ips=("0.0.0.0/0", "::/0"))),
        dns=Dns(effect=alert, deny=("*",)),
        filesystem=Filesystem(effect=alert, deny=("/",)),
    )
    with place.start(node, node.protected("nodejs_ordinary"), policy, NODE_PATH=str(PACKAGES)) as environment:
        for doing, expected in original.items():
            found = environment.invoke({"doing": doing})
            assert (found, doing) == (expected, doing)
        kinds = {(audit["effect"], audit["type"]) for audit in read_audits(environment.errors())}
    assert kinds == {("alert", "processes"), ("alert", "network"), ("alert", "filesystem")}
