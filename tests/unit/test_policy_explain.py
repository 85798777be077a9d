"""What `explain` and `diff` say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from defender import policy as policies
from defender.errors import UsageError
from defender.policy import (
    Collection,
    Dns,
    Effect,
    Filesystem,
    Identity,
    Listening,
    Network,
    Outbound,
    Policy,
    Ports,
    Processes,
    Rule,
)
from defender.policy.diff import diff
from defender.policy.explain import explain, explain_rule
from defender.policy.judge import Facts, Miners, judge, read_miners

MINERS = Miners(("xmrig*",), ("stratum+tcp://*",))
FULL = Rule(
    name="full",
    processes=Processes(Effect.BLOCK, crypto_miners=True, allow=("git",), deny=("curl", "nc")),
    network=Network(
        Effect.ALERT,
        Outbound(
            allow_ips=("10.0.0.0/8",),
            deny_ips=("10.1.2.3",),
            allow_ports=(Ports(443, 443), Ports(8000, 8100)),
        ),
        Listening(deny_ports=(Ports(1, 1023),)),
    ),
    dns=Dns(Effect.PREVENT, allow=("*.amazonaws.com",)),
    filesystem=Filesystem(Effect.ALERT, deny=("/tmp",)),
)


def test_sentences() -> None:
    assert {section.name: section.sentences for section in explain_rule(FULL)} == {
        "processes": (
            "denied: starting curl, nc",
            "denied: starting a known crypto miner",
            "allowed: starting git; any other program is denied",
        ),
        "network": (
            "denied: connecting to 10.1.2.3",
            "allowed: connecting to 10.0.0.0/8, what was returned for an allowed name; any other address is denied",
            "allowed: connecting to port 443, 8000-8100; any other port is denied",
            "always allowed: connecting to itself, to the platform's own services, to its resolvers",
            "denied: listening on port 1-1023",
            "allowed: listening on any other port",
        ),
        "dns": (
            "allowed: looking up *.amazonaws.com; any other name is denied",
            "always allowed: looking up localhost, its own name, and those of the platform's services",
        ),
        "filesystem": (
            "denied: using /tmp",
            "allowed: using any other path",
            "always allowed: reading what the runtime needs, unless an entry names it or what lies below",
        ),
    }
    assert [(section.effect, section.consequence) for section in explain_rule(FULL)] == [
        ("block", "a denied call fails, with an audit, and the runtime process ends"),
        ("alert", "a denied call goes ahead, with an audit"),
        ("prevent", "a denied call fails, with an audit"),
        ("alert", "a denied call goes ahead, with an audit"),
    ]


@pytest.mark.parametrize(
    ("network", "dns", "allow_ips", "sentence"),
    [
        (Effect.PREVENT, Dns(Effect.PREVENT, allow=("a",)), (),
         "allowed: connecting to what was returned for an allowed name; any other address is denied"),
        (Effect.PREVENT, Dns(Effect.ALERT, allow=("a",)), (), "allowed: connecting to any address"),
        (Effect.ALERT, Dns(Effect.ALERT, allow=("a",)), (),
         "allowed: connecting to what was returned for an allowed name; any other address is denied"),
        (Effect.PREVENT, Dns(Effect.ALERT, allow=("a",)), ("::1",),
         "allowed: connecting to ::1, what was returned for an allowed name; any other address is denied"),
        (Effect.PREVENT, Dns(Effect.PREVENT, deny=("a",)), ("::1",),
         "allowed: connecting to ::1; any other address is denied"),
        (Effect.PREVENT, Dns(allow=("a",)), ("::1",), "allowed: connecting to ::1; any other address is denied"),
    ],
)  # fmt: skip
def test_names_limit_addresses(network: Effect, dns: Dns, allow_ips: tuple[str, ...], sentence: str) -> None:
    rule = Rule(name="r", network=Network(network, Outbound(allow_ips=allow_ips)), dns=dns)
    assert explain_rule(rule)[0].sentences[0] == sentence


def test_steps() -> None:
    policy = Policy(
        (
            Rule(name="a", collections=(Collection(functions=("x",)),)),
            Rule(name="b"),
            Rule(name="c"),
        )
    )
    found = explain(policy, Identity("f", "us-east-1"))
    assert [(step.number, step.rule, step.applies, step.reason) for step in found.steps] == [
        (1, "a", False, 'functions: f matches none of "x"'),
        (2, "b", True, 'functions: "*" matches f, regions: "*" matches us-east-1'),
        (3, "c", False, 'not looked at: rule "b" applies first'),
    ]
    assert explain(Policy(), Identity("f")).match.why == "the policy has no rules"


@pytest.mark.parametrize(
    ("section", "facts", "reason"),
    [
        (Processes(), Facts("/usr/bin/id"), "processes is disabled"),
        (Processes(Effect.ALERT), Facts("/usr/bin/id"), "/usr/bin/id may start: nothing denies it"),
        (Processes(Effect.ALERT, deny=("i*",)), Facts("/usr/bin/id"), '/usr/bin/id is denied by "i*"'),
        (Processes(Effect.ALERT, allow=("id",)), Facts("/usr/bin/id"), '/usr/bin/id may start: "id" allows it'),
        (Processes(Effect.ALERT, allow=("id",)), Facts("/x", (), "/usr/bin/id"),
         "/x is denied: it is not on the allow list"),
        (Processes(Effect.ALERT, block_all=True), Facts("/usr/bin/id"),
         "/usr/bin/id is denied: block_all denies every process but the main one"),
        (Processes(Effect.ALERT, crypto_miners=True), Facts("/tmp/XMRig-6"),
         '/tmp/XMRig-6 is taken for a crypto miner by "xmrig*"'),
        (Processes(Effect.ALERT, crypto_miners=True), Facts("/x", ("x", "stratum+tcp://p:1")),
         '/x is taken for a crypto miner by "stratum+tcp://*"'),
    ],
)  # fmt: skip
def test_judgements(section: Processes, facts: Facts, reason: str) -> None:
    assert judge(section, facts, MINERS).reason == reason


def test_table_of_miners() -> None:
    table = "# comment\n\nname xmrig\nname-prefix cg # why\nname-suffix hash\nargument stratum+tcp://*\n"
    assert read_miners(table) == Miners(("xmrig", "cg*", "*hash"), ("stratum+tcp://*",))


def lines(before: policies.Policy | policies.Decoded, after: policies.Policy | policies.Decoded) -> list[str]:
    return [difference.text() for difference in diff(before, after)]


def test_diff_of_policies() -> None:
    after = replace(
        FULL,
        notes="n",
        disabled=True,
        collections=(Collection(functions=("a",)),),
        processes=Processes(Effect.ALERT, block_all=True, deny=("nc", "curl")),
        network=replace(FULL.network, outbound=Outbound(allow_ports=(Ports(443, 443),))),
    )
    assert lines(Policy((FULL,)), Policy((after,))) == [
        '~ rule "full": notes:  -> n',
        '~ rule "full": disabled: false -> true',
        '- rule "full": functions: *',
        '+ rule "full": functions: a',
        '~ rule "full": processes.effect: block -> alert',
        '~ rule "full": processes.block_all: false -> true',
        '~ rule "full": processes.crypto_miners: true -> false',
        '- rule "full": processes.allow: git',
        '~ order of rule "full": processes.deny: curl, nc -> nc, curl',
        '- rule "full": network.outbound.allow_ips: 10.0.0.0/8',
        '- rule "full": network.outbound.deny_ips: 10.1.2.3',
        '- rule "full": network.outbound.allow_ports: 8000-8100',
    ]


def test_diff_of_rules() -> None:
    a, b, c = (Rule(name=name) for name in "abc")
    assert lines(Policy((a, b)), Policy((b, c, a))) == [
        '+ rule "c"',
        '~ order of rules: "a", "b" -> "b", "a"',
    ]
    assert lines(Policy((a, a)), Policy((a,))) == ['- rule "a" (2)']
    two = Rule(name="a", collections=(Collection(), Collection(functions=("x",))))
    assert lines(Policy((a,)), Policy((two,))) == [
        '+ rule "a": collections[1]: functions x, regions *, accounts *'
    ]


def test_diff_of_strings() -> None:
    identity = Identity("f", "us-east-1")
    on = policies.decode(policies.encode(identity, FULL, "console.example.com"))
    off = policies.decode(policies.disabled(replace(identity, function="g")))
    packaged = policies.decode(policies.packaged("policy.json", "0" * 64))
    assert lines(on, off) == [
        "~ identity.function: f -> g",
        "- console: console.example.com",
        '- rule: "full"',
    ]
    assert lines(off, packaged) == [
        "- identity: function g, region us-east-1, provider aws",
        f"+ packaged: file policy.json, sha256 {'0' * 64}",
    ]
    assert lines(on, on) == []


def test_diff_of_policy_and_string() -> None:
    identity = Identity("f", "us-east-1")
    policy = Policy((Rule(name="other", collections=(Collection(functions=("x",)),)), FULL))
    string = policies.decode(policies.encode(identity, FULL))
    assert lines(policy, string) == []
    assert lines(string, Policy((replace(FULL, dns=Dns()),))) == [
        "~ rule.dns.effect: prevent -> disable",
        "- rule.dns.allow: *.amazonaws.com",
    ]
    with pytest.raises(UsageError):
        diff(policy, policies.decode(policies.packaged("policy.json", "0" * 64)))


@pytest.mark.parametrize(
    ("rule", "stops"),
    [
        (Rule(processes=Processes(Effect.PREVENT, block_all=True)), True),
        (Rule(network=Network(Effect.PREVENT, listening=Listening(deny_ports=(Ports(1, 9),)))), True),
        (Rule(dns=Dns(Effect.BLOCK, allow=("a",))), True),
        (Rule(filesystem=Filesystem(Effect.PREVENT, deny=("/tmp",))), True),
        (Rule(processes=Processes(Effect.ALERT, block_all=True), dns=Dns(Effect.BLOCK, deny=("a",))), True),
        (Rule(filesystem=Filesystem(Effect.PREVENT)), False),
        (Rule(network=Network(Effect.BLOCK), dns=Dns(Effect.ALERT, allow=("a",))), False),
        (Rule(network=Network(Effect.ALERT, Outbound(deny_ips=("::1",)))), False),
        (Rule(dns=Dns(deny=("a",))), False),
        (Rule(), False),
    ],
)
def test_what_stops_anything(rule: Rule, stops: bool) -> None:
    assert rule.stops() is stops
