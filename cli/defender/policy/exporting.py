"""Our policy as the original's JSON: `defender policy export`.

Every setting of ours has one there, so nothing is lost; `importing` reads it back.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from defender.policy.model import EVERYTHING, Collection, Network, Policy, Ports, Rule


def export_policy(policy: Policy) -> str:
    """The policy as the JSON that the original's API takes, indented, with a final newline."""
    document = {"rules": [_rule(rule) for rule in policy.rules]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _rule(rule: Rule) -> dict[str, Any]:
    processes, dns, filesystem = rule.processes, rule.dns, rule.filesystem
    return {
        "name": rule.name,
        "notes": rule.notes,
        "disabled": rule.disabled,
        "collections": [
            _collection(collection, rule.name if number == 1 else f"{rule.name} {number}")
            for number, collection in enumerate(rule.collections, 1)
        ],
        "processes": {
            "effect": str(processes.effect),
            "blockAllBinaries": processes.block_all,
            "checkCryptoMiners": processes.crypto_miners,
            "whitelist": list(processes.allow),
            "blacklist": list(processes.deny),
        },
        "network": _network(rule.network),
        "dns": {"effect": str(dns.effect), "whitelist": list(dns.allow), "blacklist": list(dns.deny)},
        "filesystem": {
            "effect": str(filesystem.effect),
            "whitelist": list(filesystem.allow),
            "blacklist": list(filesystem.deny),
        },
    }


def _collection(collection: Collection, name: str) -> dict[str, Any]:
    return {
        "name": "All" if collection == EVERYTHING else name,
        "functions": list(collection.functions),
        "labels": [_label(region) for region in collection.regions],
        "accountIDs": list(collection.accounts),
    }


def _label(region: str) -> str:
    if region == "*":
        return "*"
    return f"-region:{region[1:]}" if region.startswith("-") else f"region:{region}"


def _network(network: Network) -> dict[str, Any]:
    outbound, listening = network.outbound, network.listening
    return {
        "effect": str(network.effect),
        "whitelistIPs": list(outbound.allow_ips),
        "blacklistIPs": list(outbound.deny_ips),
        "whitelistListeningPorts": _ports(listening.allow_ports, deny=False),
        "blacklistListeningPorts": _ports(listening.deny_ports, deny=True),
        "whitelistOutboundPorts": _ports(outbound.allow_ports, deny=False),
        "blacklistOutboundPorts": _ports(outbound.deny_ports, deny=True),
    }


def _ports(ranges: Sequence[Ports], *, deny: bool) -> list[dict[str, Any]]:
    return [{"start": first, "end": last, "deny": deny} for first, last in ranges]
