"""The original's JSON in and out, and a policy written onto a file that a user has written."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import jsonschema
import pytest

from defender.errors import PolicyError
from defender.policy import (
    Collection,
    Dns,
    Effect,
    Filesystem,
    Listening,
    Network,
    Outbound,
    Policy,
    Ports,
    Processes,
    Rule,
    default_policy,
    schema,
    writing,
)
from defender.policy.exporting import export_policy
from defender.policy.file import parse
from defender.policy.importing import import_policy
from defender.policy.template import NEW_FILE

# As the original's API gives it.
ORIGINAL: dict[str, Any] = {
    "name": "orders",
    "notes": "mind the step",
    "disabled": False,
    "owner": "admin",
    "modified": "2024-01-01T00:00:00Z",
    "previousName": "",
    "collections": [
        {
            "name": "orders",
            "functions": ["orders-*", "-orders-test"],
            "labels": ["region:us-east-1", "-region:us-west-2"],
            "accountIDs": ["*"],
            "hosts": ["*"],
            "images": ["*"],
        }
    ],
    "processes": {
        "effect": "prevent",
        "blockAllBinaries": False,
        "checkCryptoMiners": True,
        "checkLateralMovement": False,
        "whitelist": ["/usr/bin/git"],
        "blacklist": None,
    },
    "network": {
        "effect": "alert",
        "whitelistIPs": ["10.0.0.0/8"],
        "blacklistIPs": [],
        "whitelistListeningPorts": [{"start": 80, "end": 80, "deny": False}],
        "blacklistListeningPorts": [{"start": 1, "end": 79, "deny": True}],
        "whitelistOutboundPorts": [{"start": 443, "end": 443, "deny": False}],
        "blacklistOutboundPorts": [],
    },
    "dns": {"effect": "prevent", "whitelist": ["*.amazonaws.com"], "blacklist": []},
    "filesystem": {"effect": "block", "whitelist": [], "blacklist": ["/tmp"]},
    "wildFireAnalysis": "disable",
}
OURS = Rule(
    name="orders",
    notes="mind the step",
    collections=(Collection(functions=("orders-*", "-orders-test"), regions=("us-east-1", "-us-west-2")),),
    processes=Processes(effect=Effect.PREVENT, crypto_miners=True, allow=("/usr/bin/git",)),
    network=Network(
        effect=Effect.ALERT,
        outbound=Outbound(allow_ips=("10.0.0.0/8",), allow_ports=(Ports(443, 443),)),
        listening=Listening(allow_ports=(Ports(80, 80),), deny_ports=(Ports(1, 79),)),
    ),
    dns=Dns(effect=Effect.PREVENT, allow=("*.amazonaws.com",)),
    filesystem=Filesystem(effect=Effect.BLOCK, deny=("/tmp",)),
)


def changed(**keys: Any) -> bytes:
    """The original's rule with keys changed; `section__key` reaches into a section."""
    rule = json.loads(json.dumps(ORIGINAL))
    for name, value in keys.items():
        section, _, key = name.partition("__")
        if key:
            rule[section] = {**rule[section], key: value}
        else:
            rule[section] = value
    return json.dumps({"rules": [rule]}).encode()


@pytest.mark.parametrize(
    "document",
    [
        {"rules": [ORIGINAL]},
        [ORIGINAL],
        ORIGINAL,
        {"rules": [ORIGINAL], "learningDisabled": False, "_id": "x"},
    ],
)
def test_import(document: Any) -> None:
    found = import_policy(json.dumps(document).encode(), "p")
    assert found.policy == Policy((OURS,))
    assert found.warnings == ()


@pytest.mark.parametrize("document", [b'{"rules": []}', b'{"rules": null}', b"[]"])
def test_import_of_nothing(document: bytes) -> None:
    assert import_policy(document, "p").policy == Policy()


def test_sections_that_are_missing_are_disabled() -> None:
    found = import_policy(b'[{"name": "r", "collections": [{"functions": ["*"]}], "dns": null}]', "p")
    assert found.policy == Policy((Rule(name="r"),))
    assert found.warnings == ()


@pytest.mark.parametrize(
    ("document", "warnings"),
    [
        (changed(wildFireAnalysis="alert"), ["rules[0].wildFireAnalysis: left out: functions do not have it"]),
        (changed(processes__checkLateralMovement=True),
         ["rules[0].processes.checkLateralMovement: left out: functions do not have it"]),
        (changed(collections=[{"functions": ["*"], "labels": ["env:prod", "region:a"], "images": ["x"]}]),
         ["rules[0].collections[0].images: left out: functions do not have it",
          "rules[0].collections[0].labels: env:prod left out: only labels region:... are known here"]),
        (changed(collections=[]), ["rules[0].collections: there are none: the rule is for all functions"]),
        (changed(collections=[{"functions": []}]), ["rules[0].collections[0].functions: there are none: taken as all"]),
        (changed(processes__blockAllBinaries=True),
         ["rules[0].processes.whitelist: left out, blockAllBinaries wins over it: /usr/bin/git"]),
        (changed(network__whitelistOutboundPorts=[{"start": 25, "end": 26, "deny": True}]),
         ["rules[0].network.whitelistOutboundPorts: 25-26 is marked as denied and was put among the denied"]),
        (changed(filesystem__blacklist=["/tmp/*"]),
         ["rules[0].filesystem.blacklist: /tmp/* became /tmp: a path covers all below it"]),
        (json.dumps({"rules": [], "collectionFilter": "x"}).encode(),
         ["collectionFilter: left out: functions do not have it"]),
    ],
)  # fmt: skip
def test_import_warns(document: bytes, warnings: list[str]) -> None:
    found = import_policy(document, "p")
    assert list(found.warnings) == warnings
    assert parse(writing.rendered(found.policy).encode(), "x").checked() == found.policy


@pytest.mark.parametrize(
    ("labels", "regions"),
    [
        (["*"], ("*",)),
        (["region:*"], ("*",)),
        (["Region:us-east-1"], ("us-east-1",)),
        (["region:-us-east-1"], ("-us-east-1",)),
        (["-region:us-*"], ("-us-*",)),
        (None, ("*",)),
    ],
)
def test_labels_become_regions(labels: Any, regions: tuple[str, ...]) -> None:
    found = import_policy(changed(collections=[{"functions": ["f"], "labels": labels}]), "p")
    assert found.policy.rules[0].collections[0].regions == regions
    assert found.warnings == ()


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (b"{", "p:1:2: no valid JSON: Expecting property name enclosed in double quotes"),
        (b"\xff", "p: no valid JSON: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
        (b"[" * 100_000, "p: no valid JSON: maximum recursion depth exceeded while decoding a JSON array from a"
         " unicode string"),
        (b"{}", 'p: this is no policy: {"rules": [...]} or a list of rules'),
        (b"[1]", "p: rules[0]: must be an object, not the number 1"),
        (b"[{}]", "p: rules[0].name: name: must be a string, not null"),
        (changed(name=""), "p: rules[0].name: a rule needs a name"),
        (changed(notes=1), "p: rules[0].notes: must be a string"),
        (changed(disabled="no"), "p: rules[0].disabled: disabled must be true or false, not a string"),
        (changed(dns={}), "p: rules[0].dns: effect is missing"),
        (changed(dns=[]), "p: rules[0].dns: must be an object, not a list"),
        (changed(dns__effect="deny"),
         "p: rules[0].dns.effect: effect must be one of disable, alert, prevent, block, not 'deny'"),
        (changed(dns__whitelist="x"), "p: rules[0].dns.whitelist: whitelist must be a list, not a string"),
        (changed(network__whitelistIPs=["x"]),
         "p: rules[0].network.whitelistIPs[0]: whitelistIPs: 'x' is no IP address and no network such as 10.0.0.0/8"),
        (changed(network__whitelistOutboundPorts=[{"start": 0}]),
         "p: rules[0].network.whitelistOutboundPorts[0]: whitelistOutboundPorts: port 0 is not within 1 to 65535"),
        (changed(network__whitelistOutboundPorts=[80]),
         "p: rules[0].network.whitelistOutboundPorts[0]: whitelistOutboundPorts: must be an object with start and"
         " end, not the number 80"),
        (changed(collections=[{"labels": ["region: us"]}]),
         "p: rules[0].collections[0].labels[0]: labels: ' us' has a space at its start or end"),
        (changed(collections={"a": 1}), "p: rules[0].collections: must be a list, not a table"),
    ],
)  # fmt: skip
def test_import_refuses(document: bytes, message: str) -> None:
    with pytest.raises(PolicyError) as caught:
        import_policy(document, "p")
    assert str(caught.value) == message


def test_export() -> None:
    exported = json.loads(export_policy(Policy((OURS,))))["rules"][0]
    wanted = json.loads(json.dumps(ORIGINAL))
    for key in ("owner", "modified", "previousName", "wildFireAnalysis"):
        del wanted[key]
    for key in ("hosts", "images"):
        del wanted["collections"][0][key]
    del wanted["processes"]["checkLateralMovement"]
    wanted["processes"]["blacklist"] = []
    assert exported == wanted


def test_names_of_exported_collections() -> None:
    rule = Rule(name="r", collections=(Collection(), Collection(functions=("a",))))
    exported = json.loads(export_policy(Policy((rule,))))["rules"][0]
    assert [collection["name"] for collection in exported["collections"]] == ["All", "r 2"]


BEFORE = """\
# ours
[[rule]]  # the first
name = "a"  # its name
# who
functions = [
    "x",  # one
    "y",
]

[rule.processes]  # what
effect = "alert"  # for now
deny = []

# the second
[[rule]]
name = "b"

[rule.dns]
effect = "alert"
deny = ["example.com"]  # why
"""


def test_comments_stay() -> None:
    a, b = parse(BEFORE.encode(), "x").checked().rules
    changed_a = Rule(
        name="a",
        collections=(Collection(functions=("x", "z")),),
        processes=Processes(effect=Effect.PREVENT),
    )
    wanted = BEFORE.replace('"alert"  # for now', '"prevent"  # for now').replace('"y"', '"z"')
    assert writing.rendered(Policy((changed_a, b)), BEFORE) == wanted
    assert writing.rendered(Policy((a, b)), BEFORE) == BEFORE


def test_rules_are_added_and_taken_out() -> None:
    a, b = parse(BEFORE.encode(), "x").checked().rules
    more = writing.rendered(Policy((a, b, Rule(name="c"))), BEFORE)
    assert more == BEFORE + '\n[[rule]]\nname = "c"\nfunctions = ["*"]\n'
    fewer = writing.rendered(Policy((b,)), BEFORE)
    assert 'deny = ["example.com"]  # why' in fewer
    assert "its name" not in fewer


def test_order_follows_the_policy() -> None:
    a, b = parse(BEFORE.encode(), "x").checked().rules
    turned = writing.rendered(Policy((b, a)), BEFORE)
    assert turned.index('name = "b"') < turned.index('name = "a"')
    for comment in ("# ours", "# the first", "# its name", "# who", "# one", "# for now", "# why"):
        assert comment in turned


def test_onto_no_toml() -> None:
    with pytest.raises(PolicyError, match="can't be changed"):
        writing.rendered(default_policy(), "x = ")


def test_long_lists_are_broken() -> None:
    names = tuple(f"program-{number}" for number in range(20))
    written = writing.rendered(Policy((Rule(name="r", processes=Processes(Effect.ALERT, deny=names)),)))
    assert '\ndeny = [\n    "program-0",\n' in written


def test_schema_is_a_schema_and_takes_the_new_file() -> None:
    jsonschema.Draft7Validator.check_schema(schema.schema())
    jsonschema.validate(tomllib.loads(NEW_FILE), schema.schema())
    assert json.loads(schema.rendered()) == schema.schema()


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"name": ""},
        {"name": "r", "function": ["*"]},
        {"name": "r", "functions": []},
        {"name": "r", "functions": ["-"]},
        {"name": "r", "functions": ["a"], "collections": [{"functions": ["a"]}]},
        {"name": "r", "processes": {}},
        {"name": "r", "processes": {"effect": "deny"}},
        {"name": "r", "processes": {"effect": "alert", "allow": [""]}},
        {"name": "r", "network": {"effect": "alert", "outbound": {"allow_ports": [0]}}},
        {"name": "r", "network": {"effect": "alert", "outbound": {"allow_ports": ["80"]}}},
        {"name": "r", "network": {"effect": "alert", "outbound": {"allow_ips": ["example.com"]}}},
        {"name": "r", "filesystem": {"effect": "alert", "deny": ["tmp"]}},
    ],
)
def test_schema_refuses(rule: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"rule": [rule]}, schema.schema())
