"""Patterns, and which rule is for which function."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from defender.errors import PolicyError
from defender.policy import (
    Collection,
    Dns,
    Effect,
    Filesystem,
    Identity,
    Policy,
    Processes,
    Rule,
    match,
    with_effect,
)
from defender.policy.covering import covers, disjoint, program_covers, selection_covers
from defender.policy.judge import Facts, Miners, judge
from defender.policy.matching import Answer, matches, selects

short = st.text("aAb*-/", max_size=6)
pattern = st.text("aAb*-/", min_size=1, max_size=5)
PREVENT = Processes(effect=Effect.PREVENT, block_all=True)


def naive(pattern: str, value: str, *, case_sensitive: bool) -> bool:
    """The same by a regular expression."""
    if pattern == "*":
        return True
    core = pattern.removeprefix("*")
    core = core.removesuffix("*")
    expression = (".*" if pattern[0] == "*" else "") + re.escape(core) + (".*" if pattern[-1] == "*" else "")
    flags = re.DOTALL | re.ASCII | (0 if case_sensitive else re.IGNORECASE)
    return re.fullmatch(expression, value, flags) is not None


@given(pattern, short, st.booleans())
def test_matches_like_a_regular_expression(pattern: str, value: str, case_sensitive: bool) -> None:
    assert matches(pattern, value, case_sensitive=case_sensitive) is naive(
        pattern, value, case_sensitive=case_sensitive
    )


@given(st.lists(pattern, min_size=1, max_size=4), short)
def test_selection_like_its_definition(patterns: list[str], value: str) -> None:
    vetoed = any(
        naive(entry[1:], value, case_sensitive=False) for entry in patterns if entry[:1] == "-" != entry
    )
    wanted = [entry for entry in patterns if entry[0] != "-"] or ["*"]
    expected = not vetoed and any(naive(entry, value, case_sensitive=False) for entry in wanted)
    if "-" not in patterns:
        assert (selects(patterns, value, "functions").answer is Answer.YES) is expected


@settings(max_examples=300)
@given(pattern, pattern, short)
def test_covering_is_safe(wide: str, narrow: str, value: str) -> None:
    if matches(narrow, value):
        assert matches(wide, value) or not covers(wide, narrow)
        assert not matches(wide, value) or not disjoint(wide, narrow)


@settings(max_examples=300)
@given(st.lists(pattern, min_size=1, max_size=3), st.lists(pattern, min_size=1, max_size=3), short)
def test_covering_of_selections_is_safe(wide: list[str], narrow: list[str], value: str) -> None:
    if "-" in wide or "-" in narrow or not selection_covers(wide, narrow):
        return
    if selects(narrow, value, "f").answer is Answer.YES:
        assert selects(wide, value, "f").answer is Answer.YES


@pytest.mark.parametrize(
    ("wide", "narrow", "expected"),
    [
        ("git", "/usr/bin/git", True),
        ("git*", "/usr/bin/git-lfs", True),
        ("git", "/usr/bin/git*", False),
        ("/usr/bin/*", "git", False),
        ("/usr/*", "/usr/bin/*", True),
        ("*", "/usr/bin/*", True),
        ("/*", "git", True),
        ("Git", "git", False),
    ],
)
def test_covering_of_programs(wide: str, narrow: str, expected: bool) -> None:
    assert program_covers(wide, narrow) is expected


program = st.text("ab*/", min_size=1, max_size=5)


@settings(max_examples=300)
@given(program, program, st.lists(st.sampled_from(["a", "b", "ab", "ba", "aab"]), min_size=1, max_size=3))
def test_covering_of_programs_is_safe(wide: str, narrow: str, parts: list[str]) -> None:
    facts = Facts("/" + "/".join(parts))
    hits = [
        judge(Processes(Effect.ALERT, deny=(entry,)), facts, Miners((), ())).attack is not None
        for entry in (wide, narrow)
    ]
    assert hits[0] or not hits[1] or not program_covers(wide, narrow)


def rule(name: str, *collections: Collection, disabled: bool = False) -> Rule:
    return Rule(name=name, disabled=disabled, collections=collections or (Collection(),), processes=PREVENT)


def chosen(policy: Policy, identity: Identity) -> str | None:
    found = match(policy, identity).rule
    return None if found is None else found.name


POLICY = Policy(
    (
        rule("off", disabled=True),
        rule("orders", Collection(functions=("orders-*", "-orders-test"), regions=("us-*",))),
        rule("either", Collection(functions=("a",)), Collection(functions=("b",), regions=("eu-*",))),
        rule("not-eu", Collection(functions=("c",), regions=("-eu-*",))),
        rule("everywhere", Collection(functions=("d",), regions=("us-*", "*"))),
        rule("account", Collection(functions=("e",), accounts=("1234*",))),
    )
)


@pytest.mark.parametrize(
    ("function", "region", "name"),
    [
        ("orders-eu", "us-east-1", "orders"),
        ("ORDERS-EU", "US-EAST-1", "orders"),
        ("orders-eu", "eu-west-1", None),
        ("orders-test", "us-east-1", None),
        ("orders", "us-east-1", None),
        ("a", "us-east-1", "either"),
        ("b", "us-east-1", None),
        ("b", "eu-west-1", "either"),
        ("c", "us-east-1", "not-eu"),
        ("c", "eu-west-1", None),
        ("c", "any", "not-eu"),
        ("d", "any", "everywhere"),
        ("b", "Any", None),
        ("e", "us-east-1", "account"),
        ("nobody", "us-east-1", None),
    ],
)
def test_first_enabled_match_applies(function: str, region: str, name: str | None) -> None:
    assert chosen(POLICY, Identity(function, region)) == name


@pytest.mark.parametrize(("account", "name"), [("12345", "account"), ("9", None)])
def test_accounts_count_on_azure(account: str, name: str | None) -> None:
    assert chosen(POLICY, Identity("e", "westeurope", "azure", account)) == name
    assert chosen(POLICY, Identity("e", "westeurope", "aws", account)) == "account"


@pytest.mark.parametrize(
    ("identity", "option"),
    [
        (Identity(None, "us-east-1"), "--function"),
        (Identity("orders-eu", None), "--region"),
        (Identity("c", None), "--region"),
        (Identity("e", "westeurope", "azure"), "--account"),
    ],
)
def test_what_is_not_given_is_asked_for(identity: Identity, option: str) -> None:
    with pytest.raises(PolicyError) as caught:
        match(POLICY, identity)
    assert caught.value.hint == f"pass {option}"
    assert caught.value.exit_code == 6


def test_what_is_not_given_is_not_asked_for_where_it_decides_nothing() -> None:
    policy = Policy((rule("all"), rule("late", Collection(functions=("x",)))))
    assert chosen(policy, Identity()) == "all"
    assert chosen(POLICY, Identity("d", None)) == "everywhere"
    assert chosen(POLICY, Identity("nobody", None)) is None


def test_reasons() -> None:
    found = match(POLICY, Identity("c", "us-east-1"))
    assert [(miss.number, miss.reason) for miss in found.misses] == [
        (1, "it is disabled"),
        (2, 'functions: c matches none of "orders-*"'),
        (3, 'functions: c matches none of "a"; functions: c matches none of "b"'),
        (5, 'not looked at: rule "not-eu" applies first'),
        (6, 'not looked at: rule "not-eu" applies first'),
    ]
    assert found.why == 'functions: "c" matches c, regions: "*" matches us-east-1'


def test_veto_is_the_reason() -> None:
    reasons = [miss.reason for miss in match(POLICY, Identity("orders-test", "us-east-1")).misses]
    assert reasons[1] == 'functions: "-orders-test" leaves out orders-test'


def test_effect_overrides_enabled_sections_only() -> None:
    before = Rule(name="r", processes=PREVENT, filesystem=Filesystem(effect=Effect.BLOCK, deny=("/tmp",)))
    after = with_effect(before, Effect.ALERT)
    assert after.processes == Processes(effect=Effect.ALERT, block_all=True)
    assert after.filesystem == Filesystem(effect=Effect.ALERT, deny=("/tmp",))
    assert after.dns == Dns()
    assert with_effect(before, Effect.DISABLE).sections() == {}


@pytest.mark.parametrize(
    ("section", "stops"),
    [
        (PREVENT, True),
        (Processes(effect=Effect.BLOCK, deny=("curl",)), True),
        (Processes(effect=Effect.ALERT, block_all=True), False),
        (Processes(effect=Effect.PREVENT), False),
        (Processes(), False),
    ],
)
def test_stops(section: Processes, stops: bool) -> None:
    assert Rule(name="r", processes=section).stops() is stops
