"""The core's judge (C) and its twin (Python) against a slow and obvious reference: networks, ports, names, paths.

The core answers through agent/core/tests/judge_lines.c, one line for each question.
"""

from __future__ import annotations

import ipaddress
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from defender.policy import codec, values
from defender.policy import judge as judging
from defender.policy.judge_files import FileFacts, judge_file
from defender.policy.judge_names import NameFacts, is_listed, judge_name
from defender.policy.judge_network import OutboundFacts, judge_listening, judge_outbound
from defender.policy.matching import matches
from defender.policy.model import Rule

CORE = Path(__file__).resolve().parents[2] / "agent" / "core"
PURE = ["judge*.c", "match.c", "json.c", "policy_decode.c", "policy_reader.c", "policy_values.c"]
MANY = settings(max_examples=400, deadline=None)


class Judge:
    """The program that answers for the core."""

    def __init__(self, program: Path) -> None:
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, kind: str, **question: Any) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"kind": kind, **question}) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer.endswith("\n"), "the program ended"
        return answer[:-1]

    def close(self) -> int:
        with self.process:
            assert self.process.stdin is not None
            self.process.stdin.close()
        return self.process.wait()


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judge]:
    folder = tmp_path_factory.mktemp("judge")
    # The miners belong to processes, which are not asked about here.
    (folder / "miners.inc").write_text(
        "static const char *const tw_miner_names[] = {0}, *const tw_miner_arguments[] = {0};"
    )
    sources = [path for pattern in PURE for path in sorted(CORE.glob(f"src/{pattern}"))]
    includes = [f"-I{CORE / 'include'}", f"-I{CORE / 'src'}", f"-I{folder}"]
    sanitize = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    command = [
        "clang",
        "-std=gnu11",
        "-g",
        "-O1",
        *sanitize,
        *includes,
        str(CORE / "tests" / "judge_lines.c"),
    ]
    subprocess.run(
        [*command, *map(str, sources), "-o", str(folder / "lines")], check=True, capture_output=True
    )
    judge = Judge(folder / "lines")
    yield judge
    assert judge.close() == 0


# --- The reference: what docs/policy.md says, step by step, and by other means than the judge's own.


def in_network(address: str, network: str) -> bool:
    """By counting: whether the address, as a number, lies between the network's first and last."""
    wide, one = ipaddress.ip_network(network), ipaddress.ip_address(address)
    mapped = one.ipv4_mapped if isinstance(one, ipaddress.IPv6Address) else None
    one = one if mapped is None else mapped
    return one.version == wide.version and int(wide[0]) <= int(one) <= int(wide[-1])


def in_ports(port: int, ranges: list[list[int]]) -> bool:
    return any(port in range(first, last + 1) for first, last in ranges)


def like(name: str, pattern: str) -> bool:
    """By a regular expression."""
    if pattern == "*":
        return True
    start, end = pattern.startswith("*"), pattern.endswith("*")
    core = re.escape(pattern.removeprefix("*").removesuffix("*"))
    expression = ("(?s:.*)" if start else "") + core + ("(?s:.*)" if end else "")
    return re.fullmatch(expression, name, re.ASCII | re.IGNORECASE) is not None


def below(path: str, entry: str) -> bool:
    return PurePosixPath(path).is_relative_to(entry)


def expected_outbound(rule: dict[str, Any], facts: dict[str, Any]) -> str | None:
    network, dns = rule.get("network"), rule.get("dns", {"effect": None})
    if network is None or facts["implicit"]:
        return None
    lists, address, port = network.get("outbound", {}), facts["address"], facts["port"]
    if any(in_network(address, entry) for entry in lists.get("deny_ips", [])):
        return "explicitlyDeniedIP"
    if in_ports(port, lists.get("deny_ports", [])):
        return "explicitlyDeniedOutboundPort"
    if lists.get("allow_ports") and not in_ports(port, lists["allow_ports"]):
        return "explicitlyDeniedOutboundPort"
    counts = dns["effect"] in ("prevent", "block") or (dns["effect"], network["effect"]) == ("alert", "alert")
    if not lists.get("allow_ips") and not (counts and dns.get("allow")):
        return None
    listed = any(in_network(address, entry) for entry in lists.get("allow_ips", []))
    return None if listed or facts["resolved"] else "explicitlyDeniedIP"


def expected_listening(rule: dict[str, Any], port: int) -> str | None:
    lists = rule.get("network", {}).get("listening", {})
    denied = in_ports(port, lists.get("deny_ports", []))
    missing = bool(lists.get("allow_ports")) and not in_ports(port, lists["allow_ports"])
    return "explicitlyDeniedListeningPort" if denied or missing else None


def expected_name(rule: dict[str, Any], facts: dict[str, Any]) -> tuple[str | None, bool]:
    """The attack, and whether the name is listed."""
    allow, deny = rule.get("dns", {}).get("allow", []), rule.get("dns", {}).get("deny", [])
    denied = any(like(facts["name"], entry) for entry in deny)
    allowed = any(like(facts["name"], entry) for entry in allow)
    stopped = denied or (bool(allow) and not allowed) or (facts["unexamined"] and bool(allow + deny))
    return "explicitlyDeniedDNS" if stopped and not facts["implicit"] else None, allowed and not denied


def expected_file(rule: dict[str, Any], facts: dict[str, Any], readable: list[str]) -> str | None:
    lists = rule.get("filesystem", {})
    allow, deny, path = lists.get("allow", []), lists.get("deny", []), facts["path"]
    private = below(path, "/proc/self") and PurePosixPath(path).name in ("environ", "mem")
    around = (
        [entry for entry in readable if below(path, entry)] if facts["reads_only"] and not private else []
    )
    for entry in deny:
        named = not around or any(below(entry, one) for one in around)
        if (below(path, entry) and named) or (facts["with_all_below"] and below(entry, path)):
            return "regFileAccess"
    allowed = not allow or bool(around) or any(below(path, entry) for entry in allow)
    examined = not facts["unexamined"] or not (allow or deny)
    return None if allowed and examined else "regFileAccess"


# --- What is asked: values that nearly match each other.


def lists(items: st.SearchStrategy[Any], most: int = 3) -> st.SearchStrategy[list[Any]]:
    return st.lists(items, max_size=most)


effects = st.sampled_from(["alert", "prevent", "block"])
rarely = st.integers(0, 7).map(lambda number: number == 0)


@st.composite
def networks(draw: st.DrawFn) -> str:
    """Some with all lengths of prefix, most around few numbers so that they meet."""
    wide = draw(st.booleans())
    bits = 128 if wide else 32
    near = [0, 1, 2**bits - 1, 0xFFFF << 32, 0x0A000001, 0xFFFF0A000001, 1 << (bits - 1)]
    number = draw(st.sampled_from(near) | st.integers(0, 2**bits - 1)) % 2**bits
    prefix = draw(st.sampled_from([0, 1, 7, 8, 9, 31, 32, 33, 95, 96, 97, 127, 128]) | st.integers(0, bits))
    prefix = min(prefix, bits)
    number = number >> (bits - prefix) << (bits - prefix)
    address = ipaddress.IPv6Address(number) if wide else ipaddress.IPv4Address(number)
    return values.address(f"{address}/{prefix}")


@st.composite
def addresses(draw: st.DrawFn, around: list[str]) -> str:
    """At the ends of a network, beside it, or with one bit flipped; written as IPv4 or mapped to IPv6."""
    if not around or draw(st.integers(0, 9)) == 0:
        return str(draw(st.ip_addresses()))
    network = ipaddress.ip_network(draw(st.sampled_from(around)))
    bits = network.max_prefixlen
    number = int(draw(st.sampled_from([network[0], network[-1]]))) + draw(st.sampled_from([-1, 0, 0, 1]))
    number = (number ^ draw(st.just(0) | st.integers(0, bits - 1).map(lambda bit: 1 << bit))) % 2**bits
    if bits == 128:
        return str(ipaddress.IPv6Address(number))
    return draw(st.sampled_from(["", "::ffff:"])) + str(ipaddress.IPv4Address(number))


numbers = st.sampled_from([1, 2, 79, 80, 81, 443, 32767, 32768, 65534, 65535])
ranges = st.tuples(numbers, numbers).map(sorted)


@st.composite
def outbound(draw: st.DrawFn) -> dict[str, Any]:
    entries = {key: draw(st.just([]) | lists(networks())) for key in ("allow_ips", "deny_ips")}
    ports = {key: draw(st.just([]) | lists(ranges, 2)) for key in ("allow_ports", "deny_ports")}
    rule: dict[str, Any] = {}
    if draw(st.integers(0, 9)):
        rule["network"] = {"effect": draw(effects), "outbound": {**entries, **ports}}
    if draw(st.booleans()):
        rule["dns"] = {"effect": draw(effects), "allow": draw(lists(st.just("a.example"), 1))}
    address = draw(addresses([*entries["allow_ips"], *entries["deny_ips"]]))
    facts = {
        "address": address,
        "port": draw(numbers),
        "implicit": draw(rarely),
        "resolved": draw(st.booleans()),
    }
    return {"rule": rule, "facts": facts}


patterns = st.tuples(
    st.sampled_from(["", "*", "*."]), st.text("aAb.-*", min_size=1, max_size=4), st.sampled_from(["", "*"])
).map("".join)
names = st.text("aAbB.-*\u212a\u0131\n", max_size=6)


@st.composite
def lookups(draw: st.DrawFn) -> dict[str, Any]:
    entries = patterns.filter(valid_name)
    allow, deny = draw(st.just([]) | lists(entries)), draw(st.just([]) | lists(entries))
    name = draw(names)
    if allow + deny and not draw(rarely):
        entry = draw(st.sampled_from(allow + deny)).removesuffix(".")
        name = draw(st.sampled_from([entry, entry.upper(), entry + "a", "b" + entry]))
        name = name.replace("*", draw(st.sampled_from(["", "a", "b.a"])))
    facts = {"name": name, "implicit": draw(rarely), "unexamined": draw(rarely)}
    return {"rule": {"dns": {"effect": "prevent", "allow": allow, "deny": deny}}, "facts": facts}


def valid_name(text: str) -> bool:
    try:
        values.name(text)
    except ValueError:
        return False
    return True


parts = st.sampled_from(
    ["tmp", "tmpx", "tm", "proc", "self", "environ", "mem", "a", "A", "a b", "\u00e9", "*"]
)
paths = st.lists(parts, max_size=4).map(lambda found: "/" + "/".join(found))
own = st.lists(parts, max_size=2).map(lambda found: "/".join(["/proc/self", *found]))
any_path = paths | own


@st.composite
def near(draw: st.DrawFn, entries: list[str]) -> str:
    """A path like one of the entries: itself, below, above, beside."""
    if not entries or draw(rarely):
        return draw(any_path)
    entry = draw(st.sampled_from(entries))
    if draw(st.integers(0, 3)) == 0:
        return entry.rpartition("/")[0] or "/"
    ends = ["", "/a", "/environ", "/mem", "/a/environ"] + ([] if entry == "/" else ["x", " (deleted)"])
    return entry.rstrip("/") + draw(st.sampled_from(ends)) or "/"


@st.composite
def files(draw: st.DrawFn) -> dict[str, Any]:
    allow, deny = draw(st.just([]) | lists(any_path)), draw(lists(any_path))
    readable = draw(lists(near([*allow, *deny]), 3))
    facts = {
        "path": draw(near([*allow, *deny, *readable])),
        "reads_only": draw(st.booleans()),
        "unexamined": draw(rarely),
        "with_all_below": draw(rarely),
    }
    return {
        "rule": {"filesystem": {"effect": "block", "allow": allow, "deny": deny}},
        "facts": facts,
        "readable": readable,
    }


def rule_of(rule: dict[str, Any]) -> Rule:
    document = {"v": 1, "id": {"provider": "aws"}, "runtime": {"name": "r", **rule}}
    found = codec.decode_document(document).rule
    assert found is not None
    return found


def check(
    answer: str, attack: str | None, effect: str, found: judging.Judgement, listed: bool = False
) -> None:
    """The core's answer and the twin's judgement are both what the reference says, and name one entry."""
    by = "-" if found.by is None else found.by
    assert found.attack == attack
    assert answer == "\t".join([effect if attack else "allow", attack or "-", by, str(int(listed))])


@MANY
@given(outbound())
def test_outbound(ask: Judge, case: dict[str, Any]) -> None:
    attack = expected_outbound(case["rule"], case["facts"])
    found = judge_outbound(rule_of(case["rule"]), OutboundFacts(**case["facts"]))
    check(ask("outbound", **case), attack, case["rule"].get("network", {}).get("effect", ""), found)


@MANY
@given(lists(ranges, 2), lists(ranges, 2), effects, numbers)
def test_listening(ask: Judge, allow: list[Any], deny: list[Any], effect: str, port: int) -> None:
    rule = {"network": {"effect": effect, "listening": {"allow_ports": allow, "deny_ports": deny}}}
    found = judge_listening(rule_of(rule).network, port)
    check(ask("listening", rule=rule, facts={"port": port}), expected_listening(rule, port), effect, found)


@MANY
@given(lookups())
def test_names(ask: Judge, case: dict[str, Any]) -> None:
    section, facts = rule_of(case["rule"]).dns, case["facts"]
    normal = {"dns": {"allow": list(section.allow), "deny": list(section.deny)}}
    attack, listed = expected_name(normal, facts)
    assert is_listed(section, facts["name"]) is listed
    check(ask("names", **case), attack, "prevent", judge_name(section, NameFacts(**facts)), listed)


@MANY
@given(files())
def test_files(ask: Judge, case: dict[str, Any]) -> None:
    found = judge_file(rule_of(case["rule"]).filesystem, FileFacts(**case["facts"]), case["readable"])
    check(ask("files", **case), expected_file(**case), "block", found)


# --- Single values: the same ones are valid on both sides, and have one form.

anything = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


def normal(read: Any, text: str) -> str:
    try:
        return str(read(text))
    except ValueError:
        return "invalid"


@MANY
@given(
    st.text("*.aAb\u00e9", min_size=1, max_size=8),
    st.text("*.aAb\u00e9\u212a\n", max_size=8),
    st.booleans(),
)
def test_patterns(ask: Judge, pattern: str, value: str, case_sensitive: bool) -> None:
    found = matches(pattern, value, case_sensitive=case_sensitive)
    assert ask("pattern", pattern=pattern, text=value, case_sensitive=case_sensitive) == (
        "yes" if found else "no"
    )
    if not case_sensitive:
        assert found is like(value, pattern)


@MANY
@given(
    networks()
    | st.text("0123456789abcdefABCDEF:./ %", max_size=24)
    | st.tuples(
        st.ip_addresses().map(lambda address: address.exploded.upper()),
        st.sampled_from(["", "/"]),
        st.text("0123456789 +-", max_size=4),
    ).map("".join)
    | anything
)
def test_networks_are_read_alike(ask: Judge, text: str) -> None:
    answer = ask("block", text=text)
    found = normal(values.address, text)
    if found != "invalid":
        network = ipaddress.ip_network(found)
        number, prefix = int(network[0]), network.prefixlen
        if network.version == 4:
            number, prefix = number | 0xFFFF << 32, prefix + 96
        found = f"{number:032x}/{prefix}"
    assert answer == found


@MANY
@given(patterns | st.text("*.aAb-_ ", max_size=12) | anything)
def test_names_are_read_alike(ask: Judge, text: str) -> None:
    answer = ask("name", text=text)
    assert answer == normal(values.name, text)
    assert answer in ("invalid", ask("name", text=answer))


@MANY
@given(any_path | st.text("/.a ", max_size=12) | anything.map(lambda text: "/" + text))
def test_paths_are_read_alike(ask: Judge, text: str) -> None:
    answer = ask("path", text=text)
    assert answer == normal(values.path, text)
    if answer != "invalid":
        assert ask("path", text=answer) == answer
        assert PurePosixPath(answer) == PurePosixPath("/" + text.lstrip("/"))
