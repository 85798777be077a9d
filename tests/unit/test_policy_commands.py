"""The `defender policy` commands: what they print, where, and how they end."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from defender import policy as policies
from defender.commands.policy import policy as group
from defender.errors import DefenderError
from defender.policy import schema
from defender.policy.template import NEW_FILE

ORDERS = """\
[[rule]]
name = "orders"
functions = ["orders-*"]
[rule.processes]
effect = "prevent"
deny = ["curl"]
[rule.dns]
effect = "alert"
deny = ["example.com"]
"""
TRIAL = """\
[[rule]]
name = "trial"
[rule.network]
effect = "prevent"
outbound = { deny_ports = [25] }
[rule.dns]
effect = "alert"
allow = ["example.com"]
"""
DEFAULT = policies.encode(policies.Identity("f", "us-east-1"), policies.default_policy().rules[0])


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("DEFENDER_")]:
        monkeypatch.delenv(name)


def run(*arguments: str, stdin: str | None = None, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(group, arguments, input=stdin, env=env)


def good(*arguments: str, stdin: str | None = None, env: dict[str, str] | None = None) -> Result:
    result = run(*arguments, stdin=stdin, env=env)
    assert result.exit_code == 0, result.exception or result.stderr
    return result


def refused(*arguments: str, stdin: str | None = None) -> DefenderError:
    result = run(*arguments, stdin=stdin)
    assert isinstance(result.exception, DefenderError), result.output
    return result.exception


def write(name: str, text: str = ORDERS) -> str:
    Path(name).write_bytes(text.encode())
    return name


def listing() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


def test_new() -> None:
    result = good("new")
    assert result.stdout == ""
    assert result.stderr == "wrote defender.toml and defender.schema.json\n"
    assert Path("defender.toml").read_text() == NEW_FILE
    assert Path("defender.schema.json").read_text() == schema.rendered()
    assert listing() == ["defender.schema.json", "defender.toml"]


@pytest.mark.parametrize("present", ["defender.toml", "defender.schema.json"])
def test_new_replaces_nothing_unasked(present: str) -> None:
    write(present, "mine")
    error = refused("new")
    assert (error.exit_code, error.path, error.hint) == (2, present, "--force replaces it")
    assert listing() == [present]
    assert Path(present).read_text() == "mine"
    good("new", "--force")
    assert Path("defender.toml").read_text() == NEW_FILE


def test_new_keeps_mode_and_link() -> None:
    write("real.toml", "mine")
    Path("real.toml").chmod(0o600)
    Path("link.toml").symlink_to("real.toml")
    good("new", "link.toml", "--force")
    assert Path("link.toml").is_symlink()
    assert Path("real.toml").read_text() == NEW_FILE
    assert Path("real.toml").stat().st_mode & 0o777 == 0o600


def test_new_where_nothing_can_be_written() -> None:
    error = refused("new", "no/where/x.toml")
    assert str(error) == "no/where/x.toml: cannot write: No such file or directory"
    assert listing() == []


def test_check_clean() -> None:
    good("new")
    result = good("check")
    assert result.stdout == ""
    assert result.stderr == "defender.toml: no problems\n"


def test_check_warnings() -> None:
    write("defender.toml", TRIAL)
    result = good("check")
    assert re.fullmatch(r"defender.toml:8:1: note: while dns is on alert, .*\n", result.stdout)
    assert result.stderr == "defender.toml: 1 note\n"
    assert good("check", "--strict").stderr == "defender.toml: 1 note\n"
    write("p.toml", ORDERS.replace('"curl"', '"curl", "curl"'))
    assert good("check", "p.toml").stdout.splitlines()[0] == (
        'p.toml:6:17: warning: deny: "curl" is there twice'
    )
    error = refused("check", "p.toml", "--strict")
    assert (error.exit_code, error.message) == (6, "p.toml: 1 warning")


def test_check_errors() -> None:
    write("p.toml", "x = 1\ny = 2\n")
    result = run("check", "p.toml")
    assert result.stdout == (
        "p.toml:1:1: error: unknown key x (known keys: rule)\np.toml:2:1: error: unknown key y (known keys: rule)\n"
    )
    assert isinstance(result.exception, DefenderError)
    assert (result.exception.exit_code, result.exception.message) == (6, "p.toml: 2 errors")


def test_check_json_and_standard_input() -> None:
    result = run("check", "-", "--json", stdin="x = 1\n")
    assert json.loads(result.stdout) == {
        "path": "standard input",
        "severity": "error",
        "message": "unknown key x",
        "line": 1,
        "column": 1,
        "hint": "known keys: rule",
    }


def test_check_bad_toml() -> None:
    write("p.toml", "a = 1\na = 2\n")
    error = refused("check", "p.toml")
    assert str(error) == "p.toml:2:6: no valid TOML: Cannot overwrite a value"


def test_check_without_a_file() -> None:
    error = refused("check")
    assert error.exit_code == 2
    assert error.hint == "defender policy new writes one"


def test_encode_prints_the_string_alone() -> None:
    result = good("encode", "--function", "f", "--region", "us-east-1")
    assert result.stdout == DEFAULT + "\n"
    assert result.stderr == ""


def test_encode_takes_the_file_of_the_folder() -> None:
    write("defender.toml")
    result = good("encode", "--function", "orders-eu", "--region", "eu-west-1", "--console", "c.example")
    found = policies.decode(result.stdout.strip())
    assert found.identity == policies.Identity("orders-eu", "eu-west-1")
    assert found.console == "c.example"
    assert found.rule is not None
    assert found.rule.name == "orders"
    assert result.stderr == ""


def test_encode_by_environment() -> None:
    write("p.toml")
    variables = {
        "DEFENDER_POLICY": "p.toml",
        "DEFENDER_FUNCTION": "orders-eu",
        "DEFENDER_REGION": "westeurope",
        "DEFENDER_PROVIDER": "azure",
        "DEFENDER_EFFECT": "alert",
    }
    found = policies.decode(good("encode", env=variables).stdout.strip())
    assert found.identity == policies.Identity("orders-eu", "westeurope", "azure")
    assert found.rule is not None
    assert found.rule.processes.effect == "alert"
    assert found.rule.dns.effect == "alert"


def test_encode_asks_for_what_it_needs() -> None:
    write("defender.toml")
    error = refused("encode")
    assert (error.exit_code, error.hint) == (6, "pass --function")


def test_encode_without_a_match_warns() -> None:
    write("defender.toml")
    result = good("encode", "--function", "f")
    assert policies.decode(result.stdout.strip()).rule is None
    assert result.stderr == (
        "warning: no rule matches function f in any region (aws): nothing will be enforced (no rule matches)\n"
    )


def test_encode_kill_switch() -> None:
    result = good("encode", "--disabled", "--function", "f")
    assert result.stdout.strip() == policies.disabled(policies.Identity("f"))


@pytest.mark.parametrize(("entries", "ends"), [(160, "warns"), (300, "refuses")])
def test_encode_sizes(entries: int, ends: str) -> None:
    listed = ", ".join(f'"program-{number}"' for number in range(entries))
    write("defender.toml", f'[[rule]]\nname = "r"\n[rule.processes]\neffect = "alert"\ndeny = [{listed}]\n')
    result = run("encode")
    if ends == "warns":
        assert result.exit_code == 0
        size = len(result.stdout.strip())
        assert policies.WARN_BYTES < size < policies.LIMIT_BYTES
        assert result.stderr == f"warning: TW_POLICY is {size} bytes of the 4096 that a function has\n"
    else:
        assert isinstance(result.exception, DefenderError)
        assert result.exception.exit_code == 6
        assert result.exception.hint is not None
        assert "defender embed" in result.exception.hint
        assert result.stdout == ""


@pytest.mark.parametrize("given", [DEFAULT, f"TW_POLICY={DEFAULT}", f"\n TW_POLICY='{DEFAULT}'\n"])
def test_decode(given: str) -> None:
    wanted = (
        "for function f in region us-east-1 (aws)\n"
        "Rule default:\n"
        "  processes: prevent\n"
        "    denied: starting a known crypto miner\n"
        "    denied: starting any other program; the main process, the runtime, is not concerned\n"
        "    a denied call fails, with an audit\n"
        f"{len(DEFAULT)} bytes\n"
    )
    assert good("decode", given).stdout == wanted
    assert good("decode", "-", stdin=given).stdout == wanted


def test_decode_json() -> None:
    document = json.loads(good("decode", DEFAULT, "--json").stdout)
    assert document["id"] == {"function": "f", "region": "us-east-1", "provider": "aws"}
    assert document["runtime"]["processes"]["block_all"] is True
    packaged = policies.packaged("policy.json", "0" * 64)
    assert json.loads(good("decode", packaged, "--json").stdout) == {
        "v": 1,
        "file": "policy.json",
        "sha256": "0" * 64,
    }


def test_decode_other_forms() -> None:
    packaged = policies.packaged("policy.json", "0" * 64)
    assert good("decode", packaged).stdout == (
        f"the policy lies in the package: twistlock/policy.json\nSHA-256 of that file: {'0' * 64}\n"
    )
    off = policies.disabled(policies.Identity())
    assert good("decode", off).stdout == (
        f"for any function in any region (aws)\nno rule: enforcement is switched off\n{len(off)} bytes\n"
    )


def test_decode_refuses() -> None:
    error = refused("decode", DEFAULT[:-5])
    assert (error.exit_code, error.message) == (6, "TW_POLICY is not base64")


def test_explain() -> None:
    write("defender.toml")
    assert good("explain", "--function", "orders-eu", "--region", "us-east-1").stdout == (
        "function orders-eu in region us-east-1 (aws)\n"
        '> 1. orders: applies: functions: "orders-*" matches orders-eu, regions: "*" matches us-east-1\n'
        "Rule orders:\n"
        "  processes: prevent\n"
        "    denied: starting curl\n"
        "    allowed: starting any other program\n"
        "    a denied call fails, with an audit\n"
        "  dns: alert\n"
        "    denied: looking up example.com\n"
        "    allowed: looking up any other name\n"
        "    always allowed: looking up localhost, its own name, and those of the platform's services\n"
        "    a denied call goes ahead, with an audit\n"
    )
    assert good("explain", "--function", "f").stdout == (
        "function f in any region (aws)\n"
        '  1. orders: functions: f matches none of "orders-*"\n'
        "Nothing is enforced: no rule matches.\n"
    )


def test_explain_json() -> None:
    found = json.loads(
        good("explain", "--function", "f", "--account", "1", "--provider", "azure", "--json").stdout
    )
    assert found["identity"] == {"function": "f", "region": None, "provider": "azure", "account": "1"}
    assert found["rule"] == "default"
    assert [step["applies"] for step in found["rules"]] == [True]
    assert [section["name"] for section in found["sections"]] == ["processes"]


@pytest.mark.parametrize(
    ("arguments", "last"),
    [
        (["--process", "/usr/bin/curl"], 'prevent: /usr/bin/curl is denied by "curl"'),
        (["--process", "/usr/bin/id", "--", "-u"], "allow: /usr/bin/id may start: nothing denies it"),
    ],
)
def test_explain_process(arguments: Sequence[str], last: str) -> None:
    write("defender.toml")
    result = good("explain", "--function", "orders-eu", *arguments)
    assert result.stdout.splitlines()[-1] == last


def test_explain_process_on_the_default() -> None:
    arguments = ["explain", "--json", "--process", "/tmp/x", "--", "-o", "stratum+tcp://pool.example:1"]
    assert json.loads(good(*arguments).stdout)["process"]["attack"] == "cryptoMinerProcess"
    assert refused("explain", "--", "-u").exit_code == 2


def test_diff() -> None:
    write("a.toml")
    write("b.toml", ORDERS.replace('"curl"', '"wget"'))
    changes = '- rule "orders": processes.deny: curl\n+ rule "orders": processes.deny: wget\n'
    assert good("diff", "a.toml", "b.toml").stdout == changes
    assert good("diff", "a.toml", "-", stdin=Path("b.toml").read_text()).stdout == changes
    assert run("diff", "a.toml", "b.toml", "--exit-code").exit_code == 1
    assert good("diff", "a.toml", "a.toml", "--exit-code").stdout == ""
    rows = [json.loads(line) for line in good("diff", "a.toml", "b.toml", "--json").stdout.splitlines()]
    assert rows[0] == {
        "kind": "removed",
        "setting": 'rule "orders": processes.deny',
        "before": "curl",
        "after": None,
    }


def test_diff_of_every_kind_of_input() -> None:
    good("new", "a.toml")
    write("original.json", good("export", "a.toml").stdout)
    write("string.env", f"TW_POLICY={DEFAULT}\n")
    write("document.json", good("decode", DEFAULT, "--json").stdout)
    inputs = ["a.toml", "original.json", "string.env", "document.json", DEFAULT, f"TW_POLICY={DEFAULT}"]
    for one in inputs:
        for other in inputs:
            assert good("diff", one, other).stdout == ""


def test_diff_refuses() -> None:
    write("a.toml")
    assert refused("diff", "-", "-").exit_code == 2
    assert str(refused("diff", "a.toml", "b.toml")) == "b.toml: there is no such file"
    assert refused("diff", "a.toml", "nonsense").exit_code == 6


def test_import_and_export() -> None:
    write("a.toml")
    result = good("export", "a.toml", "-o", "a.json")
    assert (result.stdout, result.stderr) == ("", "wrote a.json\n")
    assert Path("a.json").read_text() == good("export", "-", stdin=ORDERS).stdout
    written = good("import", "a.json").stdout
    assert good("diff", "a.toml", "-", stdin=written).stdout == ""
    assert good("import", "-", stdin=Path("a.json").read_text()).stdout == written
    result = good("import", "a.json", "-o", "b.toml")
    assert (result.stdout, result.stderr) == ("", "wrote b.toml: 1 rules\n")
    assert Path("b.toml").read_text() == written


def test_import_replaces_when_told_and_keeps_comments() -> None:
    write("a.toml", "# mine\n" + ORDERS)
    write("b.toml", "\ufeff# mine\n".replace("\n", "\r\n") + ORDERS.replace("\n", "\r\n"))
    write("a.json", good("export", "a.toml").stdout.replace("curl", "wget"))
    error = refused("import", "a.json", "-o", "a.toml")
    assert (error.exit_code, error.hint) == (2, "--force replaces it")
    good("import", "a.json", "-o", "a.toml", "--force")
    wanted = "# mine\n" + ORDERS.replace("curl", "wget")
    assert Path("a.toml").read_bytes().decode() == wanted
    good("import", "a.json", "-o", "b.toml", "--force")
    assert Path("b.toml").read_bytes().decode() == "\ufeff" + wanted.replace("\n", "\r\n")


def test_import_warns_and_refuses() -> None:
    rule: dict[str, Any] = {"name": "r", "collections": [{"functions": ["*"], "labels": ["env:prod"]}]}
    result = good("import", "-", stdin=json.dumps([rule]))
    assert result.stderr == (
        "warning: rules[0].collections[0].labels: env:prod left out: only labels region:... are known here\n"
    )
    write("bad.json", "{")
    assert str(refused("import", "bad.json")).startswith("bad.json:1:2: no valid JSON")
    assert str(refused("import", "no.json")) == "no.json: cannot read the policy: No such file or directory"


def test_export_refuses_an_invalid_policy() -> None:
    write("a.toml", "x = 1\n")
    assert str(refused("export", "a.toml")) == "a.toml:1:1: unknown key x"


def test_every_option_has_an_environment_variable() -> None:
    found = [parameter for command in group.commands.values() for parameter in command.params]
    options = [parameter for parameter in found if parameter.param_type_name == "option"]
    assert len(options) > 20
    assert [option.name for option in options if not str(option.envvar).startswith("DEFENDER_")] == []


def test_the_schema_in_the_package_is_the_models() -> None:
    """Shipped for editors as it is; made anew by `policy new`, so the two must not differ."""
    from importlib.resources import files

    from defender.policy import schema

    shipped = files("defender.policy").joinpath("defender.schema.json").read_text("utf-8")
    assert shipped == schema.rendered()
