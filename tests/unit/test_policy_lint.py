"""What `policy check` finds in policies that are valid."""

from __future__ import annotations

import pytest

from defender.policy.file import parse
from defender.policy.lint import check
from defender.policy.template import NEW_FILE

RULE = '[[rule]]\nname = "r"\n'
STOP = '[rule.processes]\neffect = "prevent"\nblock_all = true\n'
PROCESSES = RULE + '[rule.processes]\neffect = "prevent"\n'
TRIAL = (
    "note: while dns is on alert, network does not count this list; otherwise it denies addresses too"
    " that were not returned for an allowed name"
)
NETWORK = '[rule.network]\neffect = "prevent"\n'
UNJUDGED = (
    "warning: a static program, or one of another architecture, that is allowed runs unjudged:"
    " what it starts is not checked"
)


def found(text: str) -> list[str]:
    return [problem.text("p").removeprefix("p:") for problem in check(parse(text.encode(), "p"))]


def test_new_file_is_clean() -> None:
    assert found(NEW_FILE) == []


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("", ["1:1: warning: the policy has no rules: nothing is enforced"]),
        (RULE, ['1:1: warning: rule "r" enforces nothing, and what it matches is looked at no further']),
        (
            RULE + STOP + RULE + "functions = ['a']\n" + STOP,
            ['6:1: warning: rule "r" never applies: all that it matches is matched by "r" before it (move it up)',
             '7:8: warning: another rule is named "r" too: audits will not tell them apart'],
        ),
        (
            "[[rule]]\nname='a'\nfunctions=['a*']\n" + STOP
            + "[[rule]]\nname='b'\nregions=['eu-*']\n" + STOP
            + "[[rule]]\nname='c'\n[[rule.collections]]\nfunctions=['ab']\n"
            + "[[rule.collections]]\nregions=['eu-west-1']\n" + STOP,
            ['13:1: warning: rule "c" never applies: all that it matches is matched by "a" and "b" before it'
             " (move it up)"],
        ),
        ("[[rule]]\nname='a'\ndisabled=true\n" + STOP + RULE + STOP, []),
        ("[[rule]]\nname='a'\nfunctions=['-x']\n" + STOP + RULE + "functions=['y']\n" + STOP,
         ['7:1: warning: rule "r" never applies: all that it matches is matched by "a" before it (move it up)']),
        ("[[rule]]\nname='a'\nfunctions=['-x']\n" + STOP + RULE + "functions=['x']\n" + STOP, []),
        ("[[rule]]\nname='a'\naccounts=['1']\n" + STOP + RULE + "accounts=['2']\n" + STOP, []),
        (
            RULE + "functions = ['or*ders', 'a.b', 'arn:aws:lambda:x', 'A', 'a']\n" + STOP,
            ["3:14: warning: functions: \"or*ders\" can't match: * is a wildcard only at the start and the end",
             "3:25: warning: functions: \"a.b\" can't match: names have letters, digits, - and _",
             "3:32: warning: functions: \"arn:aws:lambda:x\" can't match: names have letters, digits, - and _"
             " (write the name alone)",
             '3:57: warning: functions: "a" is there twice'],
        ),
        (
            RULE + "functions = ['a*', 'ab', '-ac*', 'acd', '-zz']\n" + STOP,
            ['3:20: warning: functions: "ab" does nothing: "a*" covers it',
             '3:34: warning: functions: "acd" does nothing: "a*" covers it',
             '3:34: warning: functions: "acd" can\'t match: "-ac*" leaves it out',
             '3:41: warning: functions: "-zz" does nothing: no other entry matches what it leaves out'],
        ),
        (
            RULE + "[[rule.collections]]\nfunctions = ['a', 'A']\n" + STOP,
            ['4:19: warning: functions: "A" is there twice'],
        ),
        (
            PROCESSES,
            ["3:1: warning: processes denies nothing: it has an effect and no other setting"],
        ),
        (
            RULE + STOP + "deny = ['curl']\n",
            ["6:1: warning: deny does nothing beside block_all, which denies every process"],
        ),
        (
            RULE + STOP + "[rule.dns]\neffect = 'disable'\ndeny = ['a']\n",
            ["6:1: warning: dns is disabled, so its settings do nothing"],
        ),
        (
            PROCESSES + "allow = ['/usr/bin/git', 'git', 'nc']\ndeny = ['n*']\n",
            [f"5:1: {UNJUDGED}",
             '5:10: warning: allow: "/usr/bin/git" does nothing: "git" covers it',
             '5:33: warning: allow: "nc" does nothing: "n*" is denied, which comes first'],
        ),
        (PROCESSES + "allow = ['*']\n",
         ["5:1: warning: allow allows everything, as if it were left out", f"5:1: {UNJUDGED}"]),
        (
            PROCESSES + "deny = ['/bin/ls', 'bin/ls', '/usr/bin/', '/a/../b', 'curl -s', 'c*l', 'id', 'id']\n",
            ['5:9: warning: deny: "/bin/ls" can\'t match where /bin is a link to /usr'
             ' (for AWS Lambda write "/usr/bin/ls")',
             '5:20: warning: deny: "bin/ls" can\'t match: with a slash in it, the whole path is compared'
             " (write the path from / on, or the base name alone)",
             '5:30: warning: deny: "/usr/bin/" can\'t match: it ends with a slash'
             ' (for all below write "/usr/bin/*")',
             '5:43: warning: deny: "/a/../b" can\'t match: real paths have no //, /./ or /../',
             '5:54: warning: deny: "curl -s" has a space: programs are compared without their arguments',
             '5:65: warning: deny: in "c*l" only a * at the start or the end is a wildcard',
             '5:78: warning: deny: "id" is there twice'],
        ),
        (
            RULE + "[rule.dns]\neffect = 'alert'\nallow = ['*.example.com', 'a.example.com', 'a.*.b']\n",
            ['5:27: warning: allow: "a.example.com" does nothing: "*.example.com" covers it',
             '5:44: warning: allow: in "a.*.b" only a * at the start or the end is a wildcard'],
        ),
        (
            RULE + "[rule.network]\neffect = 'alert'\n[rule.network.outbound]\n"
            "allow_ips = ['10.0.0.0/8', '10.1.0.0/16', '::1', '0.0.0.0/0', '::/0']\n"
            "allow_ports = [443, '440-450']\ndeny_ports = ['1-65535']\n",
            ["6:1: warning: allow_ips allows everything, as if it were left out",
             '6:14: warning: allow_ips: "10.0.0.0/8" does nothing: "0.0.0.0/0" covers it',
             '6:28: warning: allow_ips: "10.1.0.0/16" does nothing: "10.0.0.0/8" covers it',
             '6:43: warning: allow_ips: "::1" does nothing: "::/0" covers it',
             '7:16: warning: allow_ports: "443" does nothing: "440-450" covers it',
             '7:16: warning: allow_ports: "443" does nothing: "1-65535" is denied, which comes first',
             '7:21: warning: allow_ports: "440-450" does nothing: "1-65535" is denied, which comes first'],
        ),
        (
            RULE + "[rule.filesystem]\neffect = 'alert'\nallow = ['/tmp/out']\ndeny = ['/tmp', '/var/*']\n",
            ['5:10: warning: allow: "/tmp/out" does nothing: "/tmp" is denied, which comes first',
             '6:17: warning: deny: in "/var/*" * is a plain character: a path covers all below it'],
        ),
        (RULE + "[rule.filesystem]\neffect = 'alert'\n",
         ["3:1: warning: filesystem denies nothing: it has an effect and no other setting"]),
        (RULE + "[rule.filesystem]\neffect = 'alert'\nallow = ['/']\n",
         ["5:1: warning: allow allows everything, as if it were left out"]),
        (
            RULE + NETWORK + "[rule.network.outbound]\n"
            "allow_ips = ['127.0.0.1']\ndeny_ips = ['127.0.0.0/8', '127.0.0.9', '::1', '0.0.0.0', '::', '0.0.0.0/0']\n",
            ['6:14: warning: allow_ips: "127.0.0.1" does nothing: "127.0.0.0/8" is denied, which comes first',
             '7:13: warning: deny_ips: "127.0.0.0/8" does nothing: "0.0.0.0/0" covers it',
             '7:13: warning: deny_ips: "127.0.0.0/8" does nothing: it is allowed at all times',
             '7:28: warning: deny_ips: "127.0.0.9" does nothing: "127.0.0.0/8" covers it',
             '7:28: warning: deny_ips: "127.0.0.9" does nothing: it is allowed at all times',
             '7:41: warning: deny_ips: "::1" does nothing: it is allowed at all times',
             '7:48: warning: deny_ips: "0.0.0.0" does nothing: "0.0.0.0/0" covers it',
             '7:48: warning: deny_ips: "0.0.0.0" does nothing: it is allowed at all times',
             '7:59: warning: deny_ips: "::" does nothing: it is allowed at all times'],
        ),
        (
            RULE + "[rule.dns]\neffect = 'prevent'\ndeny = ['localhost', 'a.localhost', '*localhost']\n",
            ['5:9: warning: deny: "localhost" does nothing: "*localhost" covers it',
             '5:9: warning: deny: "localhost" does nothing: it is allowed at all times',
             '5:22: warning: deny: "a.localhost" does nothing: "*localhost" covers it',
             '5:22: warning: deny: "a.localhost" does nothing: it is allowed at all times'],
        ),
        (RULE + NETWORK, ["3:1: warning: network denies nothing: it has an effect and no other setting"]),
        (RULE + NETWORK + "[rule.dns]\neffect = 'block'\nallow = ['a']\n", []),
        (RULE + NETWORK + "[rule.dns]\neffect = 'block'\nallow = ['*']\n", []),
        (
            RULE + NETWORK + "[rule.network.outbound]\nallow_ips = ['0.0.0.0/0', '::/0']\n"
            "[rule.dns]\neffect = 'block'\nallow = ['a']\n",
            ["6:1: warning: allow_ips allows everything, so the allow list of dns limits no addresses"],
        ),
        (
            RULE + NETWORK + "[rule.dns]\neffect = 'alert'\nallow = ['a']\n",
            ["3:1: warning: network denies nothing: it has an effect and no other setting", f"7:1: {TRIAL}"],
        ),
        (
            RULE + NETWORK + "[rule.network.outbound]\nallow_ips = ['10.0.0.0/8']\n"
            "[rule.dns]\neffect = 'alert'\nallow = ['a']\n",
            [],
        ),
    ],
)  # fmt: skip
def test_findings(text: str, problems: list[str]) -> None:
    assert found(text) == problems


def test_errors_alone_are_shown_where_there_are_some() -> None:
    assert found(RULE + "functions = ['a', 'a']\nx = 1\n") == [
        "4:1: error: unknown key x (known keys: name, notes, disabled, functions, regions, accounts,"
        " collections, processes, network, dns, filesystem)"
    ]
