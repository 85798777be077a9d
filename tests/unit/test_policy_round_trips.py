"""Whatever policy there is: TW_POLICY, TOML and the original's JSON give back what was put in."""

from __future__ import annotations

import json
import string
import tomllib
from typing import Any

import jsonschema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from defender import policy as policies
from defender.errors import PolicyError
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
    schema,
    writing,
)
from defender.policy.diff import diff
from defender.policy.exporting import export_policy
from defender.policy.file import parse
from defender.policy.importing import import_policy
from defender.policy.lint import check
from defender.policy.problems import Severity
from defender.policy.template import NEW_FILE

QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])

text = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=12)
entries = text.map(str.strip).filter(bool)
word = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,7}", fullmatch=True)
starred = st.tuples(st.sampled_from(["", "*"]), word, st.sampled_from(["", "*"])).map("".join)
patterns = st.one_of(starred, starred.map(lambda name: "-x" + name), st.just("*"))
regions = patterns.filter(lambda name: not name.lower().startswith("region"))
labels = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=6)
names = st.tuples(st.sampled_from(["", "*."]), labels, st.just("."), labels).map("".join)
paths = st.lists(labels, max_size=3).map(lambda parts: "/" + "/".join(parts))
addresses = st.one_of(
    st.ip_addresses().map(str).filter(lambda address: not address.startswith("::ffff:")),
    st.sampled_from(["10.0.0.0/8", "2001:db8::/32", "0.0.0.0/0", "::/0", "192.168.1.0/24"]),
)
ports = st.tuples(st.integers(1, 65535), st.integers(1, 65535)).map(lambda pair: Ports(min(pair), max(pair)))


def tuples(items: st.SearchStrategy[Any], least: int = 0) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(items, min_size=least, max_size=3).map(tuple)


effects = st.sampled_from(list(Effect))
processes = st.builds(
    Processes, effects, st.just(False), st.booleans(), tuples(entries), tuples(entries)
) | st.builds(Processes, effects, st.booleans(), st.booleans(), st.just(()), tuples(entries))
outbound = st.builds(Outbound, tuples(addresses), tuples(addresses), tuples(ports), tuples(ports))
network = st.builds(Network, effects, outbound, st.builds(Listening, tuples(ports), tuples(ports)))
dns = st.builds(Dns, effects, tuples(names), tuples(names))
filesystem = st.builds(Filesystem, effects, tuples(paths), tuples(paths))
collections = st.builds(Collection, tuples(patterns, 1), tuples(regions, 1), tuples(patterns, 1))
rules = st.builds(
    Rule,
    name=text,
    notes=st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    disabled=st.booleans(),
    collections=tuples(collections, 1),
    processes=processes,
    network=network,
    dns=dns,
    filesystem=filesystem,
)
all_policies = st.builds(Policy, tuples(rules))
identities = st.builds(Identity, st.none() | word, st.none() | word, st.sampled_from(policies.PROVIDERS))


def enforced(rule: Rule) -> Rule:
    """What TW_POLICY carries of a rule."""
    return Rule(name=rule.name, **rule.sections())  # type: ignore[arg-type]


@QUICK
@given(identities, st.none() | rules, st.none() | text)
def test_tw_policy(identity: Identity, rule: Rule | None, console: str | None) -> None:
    string = policies.encode(identity, rule, console)
    found = policies.decode(string)
    region = None if (identity.region or "").lower() == "any" else identity.region
    assert found.identity == Identity(identity.function, region, identity.provider)
    assert found.console == console
    assert found.rule == (None if rule is None else enforced(rule))
    assert found == policies.decode_content(policies.content(identity, rule, console))
    assert found.identity is not None
    assert policies.encode(found.identity, found.rule, found.console) == string


@QUICK
@given(all_policies)
def test_toml(policy: Policy) -> None:
    written = writing.rendered(policy)
    source = parse(written.encode(), "x")
    assert source.problems == ()
    assert source.policy == policy
    assert writing.rendered(policy) == written
    jsonschema.validate(tomllib.loads(written), schema.schema())


@QUICK
@given(all_policies, all_policies)
def test_toml_onto_another(before: Policy, after: Policy) -> None:
    comment = "# the user's own\n"
    changed = writing.rendered(after, comment + writing.rendered(before))
    assert parse(changed.encode(), "x").checked() == after
    assert changed.startswith(comment)


@QUICK
@given(all_policies)
def test_toml_onto_itself_changes_nothing(policy: Policy) -> None:
    written = writing.rendered(policy)
    assert writing.rendered(policy, written) == written


@QUICK
@given(all_policies)
def test_original_json(policy: Policy) -> None:
    exported = export_policy(policy)
    imported = import_policy(exported.encode(), "x")
    assert imported.policy == policy
    assert imported.warnings == ()
    assert import_policy(json.dumps(json.loads(exported)["rules"]).encode(), "x").policy == policy


@QUICK
@given(all_policies, all_policies)
def test_diff_is_empty_for_equals_only(before: Policy, after: Policy) -> None:
    assert diff(before, before) == ()
    assert (diff(before, after) == ()) is (before == after)


@QUICK
@given(all_policies)
def test_every_policy_can_be_checked_and_its_findings_have_places(policy: Policy) -> None:
    source = parse(writing.rendered(policy).encode(), "x")
    for problem in check(source):
        assert problem.severity is not Severity.ERROR
        assert problem.line is not None
        assert problem.column is not None


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_file_is_read_or_refused(data: st.DataObject) -> None:
    text = NEW_FILE.replace("# [", "[").replace("# effect", "effect").replace("# allow", "allow")
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = start + data.draw(st.integers(0, 4))
        text = text[:start] + data.draw(st.text("[]{}\"'=,.#\n 1a\\", max_size=3)) + text[end:]
    try:
        source = parse(text.encode(), "x")
    except PolicyError:
        return
    assert all(problem.line is not None for problem in check(source))
