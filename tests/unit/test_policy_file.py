"""Reading defender.toml: what it means, and where it is wrong."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from defender import policy as policies
from defender.errors import PolicyError
from defender.policy import Collection, Effect, Outbound, Ports, Processes
from defender.policy.file import LARGEST, parse
from defender.policy.positions import Positions
from defender.policy.template import NEW_FILE

FULL = """\
#:schema ./defender.schema.json
[[rule]]
name = "orders"
notes = '''two
lines'''
functions = ["orders-*", "-orders-test"]

[rule.processes]
effect = "prevent"
allow = ["/usr/bin/git"]

[rule.network]
effect = "alert"
[rule.network.outbound]
allow_ips = ["10.0.0.0/8", "2001:DB8::1"]
allow_ports = [443, "8000-8100"]

[rule.dns]
effect = "prevent"
allow = ["***.AmazonAWS.com."]

[rule.filesystem]
effect = "disable"
deny = ["/tmp//x/./"]

[[rule]]
name = "rest"
disabled = true
[[rule.collections]]
functions = ["a"]
[[rule.collections]]
regions = ["eu-*"]
accounts = ["1"]
"""


def test_full() -> None:
    first, second = parse(FULL.encode(), "x").checked().rules
    assert first.notes == "two\nlines"
    assert first.collections == (Collection(functions=("orders-*", "-orders-test")),)
    assert first.processes == Processes(effect=Effect.PREVENT, allow=("/usr/bin/git",))
    assert first.network.outbound == Outbound(
        allow_ips=("10.0.0.0/8", "2001:db8::1"), allow_ports=(Ports(443, 443), Ports(8000, 8100))
    )
    assert first.dns.allow == ("*.amazonaws.com",)
    assert first.filesystem.deny == ("/tmp/x",)
    assert list(first.sections()) == ["processes", "network", "dns"]
    assert second.disabled
    assert second.collections == (
        Collection(functions=("a",)),
        Collection(regions=("eu-*",), accounts=("1",)),
    )


def test_nothing_is_a_policy_without_rules() -> None:
    assert parse(b"", "x").checked() == policies.Policy()


def test_byte_order_mark_and_crlf() -> None:
    windows = b"\xef\xbb\xbf" + FULL.replace("\n", "\r\n").encode()
    found = parse(windows, "x").checked()
    assert found.rules[1] == parse(FULL.encode(), "x").checked().rules[1]


def test_new_file_is_the_built_in_policy() -> None:
    assert parse(NEW_FILE.encode(), "x").checked() == policies.default_policy()
    examples = ("# [", "# effect", "# allow", "# deny")
    shown = "".join(line[2:] + "\n" for line in NEW_FILE.splitlines() if line.startswith(examples))
    uncommented = parse((NEW_FILE + shown).encode(), "x").checked()
    assert list(uncommented.rules[0].sections()) == list(policies.SECTIONS)


RULE = '[[rule]]\nname = "r"\n'
PROCESSES = RULE + '[rule.processes]\neffect = "prevent"\n'
OUTBOUND = RULE + '[rule.network]\neffect = "alert"\n[rule.network.outbound]\n'
DNS = RULE + '[rule.dns]\neffect = "alert"\n'
FILES = RULE + '[rule.filesystem]\neffect = "alert"\n'


@pytest.mark.parametrize(
    ("text", "where", "message", "hint"),
    [
        ("x = ", "1", "no valid TOML: Invalid value", None),
        ("a = 1\nb = [\n", "2", "no valid TOML: Invalid value", None),
        ("a = 1\na = 2\n", "2:6", "no valid TOML: Cannot overwrite a value", None),
        ("rules = []\n", "1:1", "unknown key rules", "did you mean rule?"),
        ("[rule]\nname = 'r'\n", "1:1", "rules are written [[rule]], with two brackets", None),
        ("rule = [1]\n", "1:9", "rule must be a table, not the number 1", None),
        ("[[rule]]\n", "1:1", "name is missing: audits carry the rule's name", None),
        ("[[rule]]\nname = 1\n", "2:8", "name: must be a string, not the number 1", None),
        ("[[rule]]\nname = 'a\\tb'\n[[rule]]\nname = \"a\\tb\"\n", "4:8",
         r"name: 'a\tb' has a control character", None),
        (RULE + "disabled = 1\n", "3:12", "disabled must be true or false, not the number 1", None),
        (RULE + "fuctions = ['*']\n", "3:1", "unknown key fuctions", "did you mean functions?"),
        (RULE + "functions = '*'\n", "3:13", "functions must be a list, not a string", None),
        (RULE + "functions = []\n", "3:13", "functions is empty, so nothing would match",
         'leave the key out, or write ["*"], for all'),
        (RULE + "functions = ['a',\n  '']\n", "4:3", "functions: an entry must not be empty", None),
        (RULE + "functions = ['a', ' b']\n", "3:19", "functions: ' b' has a space at its start or end", None),
        (RULE + "regions = ['-']\n", "3:12", 'regions: "-" leaves out nothing: a pattern must follow', None),
        (RULE + "regions = ['*']\n[[rule.collections]]\n", "3:1",
         "regions stands beside collections: write it into each of them", None),
        (RULE + "collections = []\n", "3:1",
         "collections are written [[rule.collections]], one or more of them", None),
        (RULE + "[[rule.collections]]\nlabels = ['x']\n", "4:1", "unknown key labels",
         "known keys: functions, regions, accounts"),
        (RULE + "processes = 1\n", "3:13", "processes must be a table, not the number 1", None),
        (RULE + "[rule.processes]\nblock_all = true\n", "3:1", "effect is missing",
         "write one of disable, alert, prevent, block"),
        (RULE + "[rule.processes]\neffect = 'Prevent'\n", "4:10",
         "effect must be one of disable, alert, prevent, block, not 'Prevent'", "did you mean prevent?"),
        (PROCESSES + "block-all = true\n", "5:1", "unknown key block-all", "did you mean block_all?"),
        (PROCESSES + "allow = ['a']\nblock_all = true\n", "5:1",
         "block_all denies every process, so allow can't have entries", "take out one of the two"),
        (PROCESSES + "deny = ['a\\u0000']\n[x]\n", "6:1", "unknown key x", "known keys: rule"),
        (PROCESSES + 'deny = ["a\\u0000"]\n', "5:9", r"deny: 'a\x00' has a control character", None),
        (OUTBOUND + "allow_ports = [0]\n", "6:16", "allow_ports: port 0 is not within 1 to 65535", None),
        (OUTBOUND + "allow_ports = ['9-8']\n", "6:16",
         "allow_ports: the range 9-8 ends before it starts: write 8-9", None),
        (OUTBOUND + "allow_ports = ['443']\n", "6:16",
         "allow_ports: '443' is no range of ports such as \"8000-8100\": write 443 without quotes", None),
        (OUTBOUND + "allow_ports = [1.5]\n", "6:16",
         'allow_ports: must be a port or a range such as "8000-8100", not the number 1.5', None),
        (OUTBOUND + "deny_ips = ['10.1.2.3/8']\n", "6:13",
         "deny_ips: '10.1.2.3/8' has bits beyond its prefix: write 10.0.0.0/8", None),
        (OUTBOUND + "deny_ips = ['example.com']\n", "6:13",
         "deny_ips: 'example.com' is no IP address and no network such as 10.0.0.0/8", None),
        (DNS + "deny = ['https://example.com']\n", "5:9",
         "deny: 'https://example.com' is no DNS name: leave out scheme, port and path", None),
        (DNS + "deny = ['bücher.example']\n", "5:9",
         "deny: 'bücher.example' is not ASCII: write the form that starts with xn--", None),
        (DNS + "deny = ['a..b']\n", "5:9",
         "deny: 'a..b' is no DNS name and no pattern such as *.example.com", None),
        (FILES + "deny = ['tmp']\n", "5:9", "deny: 'tmp' is no absolute path: it must start with /", None),
        (FILES + "deny = ['/a/../b']\n", "5:9",
         "deny: '/a/../b' has a .. in it: write the path that it leads to", None),
    ],
)  # fmt: skip
def test_errors(tmp_path: Path, text: str, where: str, message: str, hint: str | None) -> None:
    path = tmp_path / "defender.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PolicyError) as caught:
        policies.load(path)
    assert str(caught.value) == f"{path}:{where}: {message}"
    assert caught.value.hint == hint
    assert caught.value.exit_code == 6


def test_all_errors_are_found() -> None:
    source = parse((RULE + "x = 1\ndisabled = 2\n" + RULE + "functions = [1, 2]\n").encode(), "x")
    assert [(problem.line, problem.column) for problem in source.problems] == [
        (3, 1),
        (4, 12),
        (7, 14),
        (7, 17),
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a = 1\n\xff\n", "p:2: the file is not UTF-8"),
        (b"#" * (LARGEST + 1), f"p: the policy is larger than {LARGEST} bytes"),
        (b"x = " + b"[" * 100_000, "p: the file is nested too deeply"),
    ],
)
def test_hostile_files(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "p"
    path.write_bytes(data)
    with pytest.raises(PolicyError) as caught:
        policies.load(path)
    assert str(caught.value).removeprefix(f"{tmp_path}/") == message


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "no", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(PolicyError) as caught:
            policies.load(path)
        assert caught.value.message == f"cannot read the policy: {reason}"


def test_find(tmp_path: Path) -> None:
    assert policies.find(None, tmp_path) is None
    (tmp_path / "defender.toml").touch()
    assert policies.find(None, tmp_path) == tmp_path / "defender.toml"
    assert policies.find(Path("other"), tmp_path) == Path("other")


keys = st.text("ab.\"'# =[]\té", min_size=1, max_size=4)
scalars = st.one_of(
    st.booleans(), st.integers(-9, 9), st.text("ab\"'#\n,]}é\\", max_size=6), st.floats(-9, 9), st.dates()
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)


def places(value: Any, place: tuple[str | int, ...] = ()) -> set[tuple[str | int, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = {place} if place else set()
    for key, item in items:
        found |= places(item, (*place, key))
    return found


@given(st.dictionaries(keys, values, max_size=4))
def test_positions_of_every_place(document: dict[str, Any]) -> None:
    text = tomlkit.dumps(document)
    assert Positions(text).places() == places(tomllib.loads(text))


@pytest.mark.parametrize(
    "text",
    [
        FULL,
        NEW_FILE,
        'a = """x\n"] = \\""""" # "\nb.c.d = [[1, [2]], {e = 1, "f g" = [3]}, \'\'\'\n\'\'\'\'\'] # ]\n[x."y.z"]\nq=1',
        "[[a]]\n[[a.b]]\nc=1\n[[a.b]]\n[a.b.d]\ne=2\n[[a]]\n[[a.b]]\n",
        "a=[\n 1, # one\n 2,\n]\r\nb={}\n",
    ],
)
def test_positions_of_texts(text: str) -> None:
    assert Positions(text).places() == places(tomllib.loads(text))


def test_positions_are_where_the_text_is() -> None:
    text = 'a = 1\n  [b."c d"] # x\n\te.f = [ "g",\n "h" ]\n'
    found = Positions(text)
    assert found.value(("a",)) == (1, 5)
    assert found.key(("b", "c d")) == (2, 3)
    assert found.key(("b", "c d", "e", "f")) == (3, 4)
    assert found.value(("b", "c d", "e", "f")) == (3, 8)
    assert found.value(("b", "c d", "e", "f", 1)) == (4, 2)
    assert found.key(("b", "nowhere")) == (2, 3)
