"""`defender policy`: make, check, explain, encode, decode, compare and convert policies.

Each command parses, calls the policy package and prints; results go to stdout, the rest to
stderr.
"""

from __future__ import annotations

import json
import sys
from codecs import BOM_UTF8
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from defender import policy as policies
from defender.commands import policy_text as texts
from defender.errors import PolicyError, UsageError
from defender.policy import Effect, Identity, Policy
from defender.policy import file as policy_file

Command = TypeVar("Command", bound=Callable[..., Any])
_PATH = click.Path(path_type=Path)


def _option(*names: str, env: str, **settings: Any) -> Callable[[Command], Command]:
    return click.option(*names, envvar=f"DEFENDER_{env}", show_envvar=True, **settings)


def _flag(name: str, env: str, about: str) -> Callable[[Command], Command]:
    return _option(name, env=env, is_flag=True, help=about)


def _asked(command: Callable[..., None]) -> Callable[..., None]:
    """The policy and the function that it is asked about."""
    options = (
        _option(
            "--policy",
            "file",
            env="POLICY",
            type=_PATH,
            help="The policy file; else defender.toml here, else the built-in rule.",
        ),
        _option("--function", env="FUNCTION", help="The function's name."),
        _option("--region", env="REGION", help="The function's region, or any."),
        _option("--account", env="ACCOUNT", help="The account (subscription); counts on Azure."),
        _option(
            "--provider",
            env="PROVIDER",
            type=click.Choice(policies.PROVIDERS),
            default="aws",
            show_default=True,
            help="The cloud.",
        ),
    )

    @wraps(command)
    def asked(
        *,
        file: Path | None,
        function: str | None,
        region: str | None,
        account: str | None,
        provider: policies.Provider,
        **others: Any,
    ) -> Any:
        return command(_policy(file), Identity(function, region, provider, account), **others)

    decorated = asked
    for option in reversed(options):
        decorated = option(decorated)
    return decorated


_json = _flag("--json", "JSON", "Print JSON instead of text.")
_force = _flag("--force", "FORCE", "Replace a file that is there already.")
_output = _option("-o", "--output", env="POLICY_OUTPUT", type=_PATH, help="The file to write; else stdout.")


@click.group()
def policy() -> None:
    """Make, check, explain, encode and convert policies."""


@policy.command()
@click.argument("file", type=_PATH, default=policies.FILE_NAME)
@_force
def new(*, file: Path, force: bool) -> None:
    """Write a commented policy file and its schema.

    The schema, for editors, is put beside FILE.
    """
    from defender.policy import saving, schema, template, writing

    beside = file.with_name(writing.SCHEMA_NAME)
    saving.save({file: template.NEW_FILE, beside: schema.rendered()}, force=force)
    click.echo(f"wrote {file} and {beside}", err=True)


@policy.command()
@click.argument("file", required=False, envvar="DEFENDER_POLICY")
@_flag("--strict", "STRICT", "Fail on warnings too.")
@_json
def check(*, file: str | None, strict: bool, json: bool) -> None:
    """Find what is wrong or doubtful in a policy.

    Without FILE defender.toml is checked; - is standard input. Exit code 6 on errors, and with
    --strict on warnings.
    """
    from defender.policy.lint import check as check_source
    from defender.policy.problems import Severity

    source = _source(file)
    problems = check_source(source)
    for problem in problems:
        data = {"path": source.path, **texts.problem_data(problem)}
        click.echo(_line(data) if json else problem.text(source.path))
    refused = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    if any(problem.severity in refused for problem in problems):
        raise PolicyError(f"{source.path}: {texts.counted(problems)}")
    click.echo(f"{source.path}: {texts.counted(problems)}", err=True)


def _source(file: str | None) -> policy_file.Source:
    from defender.policy import inputs

    if file == inputs.STDIN:
        return policy_file.parse(inputs.read_stdin(sys.stdin.buffer.read), "standard input")
    found = policies.find(None if file is None else Path(file), Path())
    if found is None:
        hint = "defender policy new writes one"
        raise UsageError(f"there is no {policies.FILE_NAME} here, and no file was given", hint=hint)
    return policy_file.read(found)


@policy.command()
@_asked
@_option("--process", env="PROCESS", metavar="PATH", help="Say what happens when PATH starts with ARGS.")
@click.argument("args", nargs=-1)
@_json
def explain(
    policy: Policy, identity: Identity, *, process: str | None, args: tuple[str, ...], json: bool
) -> None:
    """Say which rule is for a function, and why.

    The rules before it are explained too, and what the rule does.
    Arguments of a --process follow after --.
    """
    from defender.policy.explain import explain as explain_policy

    if args and process is None:
        raise UsageError("arguments belong to a --process, and none was given")
    explanation = explain_policy(policy, identity)
    data = texts.explanation_data(explanation)
    lines = list(texts.explanation_lines(explanation))
    if process is not None:
        verdict, reason, more = _judged(explanation.match.rule, process, args)
        data["process"] = more
        lines.append(f"{verdict}: {reason}")
    click.echo(_line(data) if json else "\n".join(lines))


def _judged(rule: policies.Rule | None, process: str, args: tuple[str, ...]) -> tuple[str, str, Any]:
    from defender import resources
    from defender.policy.judge import Facts, judge, read_miners
    from defender.policy.judge import verdict as verdict_of

    section = policies.Processes() if rule is None else rule.processes
    miners = read_miners(resources.miners())
    judgement = judge(section, Facts(process, (process, *args)), miners)
    verdict = verdict_of(section, judgement)
    return verdict, judgement.reason, texts.judgement_data(judgement, verdict)


@policy.command()
@_asked
@_option("--console", env="CONSOLE", metavar="HOST", help="The console's host name.")
@_option(
    "--effect",
    env="EFFECT",
    type=click.Choice([str(effect) for effect in Effect]),
    help="Override every section's effect.",
)
@_flag("--disabled", "DISABLED", "Make the kill switch: a string that switches enforcement off.")
def encode(
    policy: Policy, identity: Identity, *, console: str | None, effect: str | None, disabled: bool
) -> None:
    """Print a function's TW_POLICY string, and nothing else."""
    if disabled:
        string = policies.disabled(identity)
    else:
        string = policies.encode(identity, _rule(policy, identity, effect), console)
    if not policies.fits(string):
        raise PolicyError(
            f"TW_POLICY is {len(string)} bytes long, and all variables of a function together may have"
            f" {policies.LIMIT_BYTES}",
            hint="make the rule shorter, or let `defender embed` put the policy into the package",
        )
    if len(string) > policies.WARN_BYTES:
        _warn(f"TW_POLICY is {len(string)} bytes of the {policies.LIMIT_BYTES} that a function has")
    click.echo(string)


def _rule(policy: Policy, identity: Identity, effect: str | None) -> policies.Rule | None:
    found = policies.match(policy, identity)
    if found.rule is None:
        _warn(f"no rule matches {texts.identity_words(identity)}: nothing will be enforced ({found.why})")
        return None
    return found.rule if effect is None else policies.with_effect(found.rule, Effect(effect))


@policy.command()
@click.argument("string")
@_json
def decode(*, string: str, json: bool) -> None:
    """Show what a TW_POLICY string says.

    STRING may start with TW_POLICY=, as in .env files; - is standard input.
    """
    from defender.policy import inputs

    bare = inputs.read_string(string, sys.stdin.buffer.read)
    decoded = policies.decode(bare)
    if json:
        click.echo(_line(texts.decoded_data(decoded)))
    else:
        click.echo("\n".join(texts.decoded_lines(decoded, len(bare))))


@policy.command()
@click.argument("before")
@click.argument("after")
@_flag("--exit-code", "EXIT_CODE", "Exit with 1 if there are differences.")
@_json
@click.pass_context
def diff(ctx: click.Context, *, before: str, after: str, exit_code: bool, json: bool) -> None:
    """Compare two policies or TW_POLICY strings.

    Each is a file (TOML, the original's JSON, or one that holds a string), a string, or - for standard
    input. A file of rules beside a string is compared as what it gives for the string's function.
    """
    from dataclasses import asdict

    from defender.policy import inputs
    from defender.policy.diff import diff as compare

    if before == after == inputs.STDIN:
        raise UsageError("only one of the two can come from standard input")
    read = sys.stdin.buffer.read
    differences = compare(inputs.read_any(before, read), inputs.read_any(after, read))
    for difference in differences:
        click.echo(_line(asdict(difference)) if json else difference.text())
    if differences and exit_code:
        ctx.exit(1)


@policy.command(name="import")
@click.argument("file")
@_output
@_force
def import_(*, file: str, output: Path | None, force: bool) -> None:
    """Turn the original's JSON into a defender.toml.

    - as FILE is standard input. With --force an existing file gets the imported policy, and keeps
    its comments.
    """
    from defender.policy import inputs, saving, writing
    from defender.policy.importing import import_policy

    if file == inputs.STDIN:
        imported = import_policy(inputs.read_stdin(sys.stdin.buffer.read), "standard input")
    else:
        imported = import_policy(policy_file.read_bytes(Path(file)), file)
    for warning in imported.warnings:
        _warn(warning)
    if output is None:
        click.echo(writing.rendered(imported.policy), nl=False)
        return
    onto, mark = None, ""
    if force and output.is_file():
        data = policy_file.read_bytes(output)
        onto = policy_file.decoded(data, str(output))
        mark = "\ufeff" if data.startswith(BOM_UTF8) else ""
    saving.save({output: mark + writing.rendered(imported.policy, onto)}, force=force)
    click.echo(f"wrote {output}: {len(imported.policy.rules)} rules", err=True)


@policy.command()
@click.argument("file", required=False, envvar="DEFENDER_POLICY")
@_output
@_force
def export(*, file: str | None, output: Path | None, force: bool) -> None:
    """Turn a policy file into the original's JSON.

    Without FILE defender.toml is taken; - is standard input.
    """
    from defender.policy import saving
    from defender.policy.exporting import export_policy

    text = export_policy(_source(file).checked())
    if output is None:
        click.echo(text, nl=False)
        return
    saving.save({output: text}, force=force)
    click.echo(f"wrote {output}", err=True)


def _policy(file: Path | None) -> Policy:
    found = policies.find(file, Path())
    return policies.default_policy() if found is None else policies.load(found)


def _warn(text: str) -> None:
    from defender.console import Console

    Console().warn(text)


def _line(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False)
