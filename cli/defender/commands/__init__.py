"""One module per subcommand: parse the options, call the library, hand the Report to the console."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])


def option(*names: str, **settings: Any) -> Callable[[_Command], _Command]:
    """A click option that can also be set as `DEFENDER_<NAME>`; help shows the variable."""
    long = next(name for name in names if name.startswith("--")).split("/")[0]
    variable = "DEFENDER_" + long.removeprefix("--").replace("-", "_").upper()
    settings.setdefault("envvar", variable)
    return click.option(*names, show_envvar=True, **settings)


def talk(command: _Command) -> _Command:
    """The options that say how much is told and in which form."""
    for decorate in (
        option("--json", "as_json", is_flag=True, help="One JSON object a line on stdout."),
        option("-q", "--quiet", is_flag=True, help="Only results and errors."),
        option("-v", "--verbose", is_flag=True, help="Every change, and the evidence for it."),
    ):
        command = decorate(command)
    return command


def choose(command: _Command) -> _Command:
    """The options that say which functions of a package are meant."""
    for decorate in (
        option("--account", metavar="ID", help="Azure subscription, for rules that name accounts."),
        option("--provider", type=click.Choice(["aws", "azure"]), help="The cloud, if not AWS."),
        option("--region", metavar="REGION", help="Region, for rules that name regions."),
        option(
            "--function",
            "names",
            multiple=True,
            metavar="[HANDLER=]NAME",
            help="The deployed function's name, for rules that name functions. Repeatable.",
        ),
        option(
            "--handler",
            "handlers",
            multiple=True,
            metavar="HANDLER",
            help="A handler as the platform knows it, such as app.handler. Repeatable.",
        ),
        option(
            "--runtime",
            metavar="RUNTIME",
            help="A family or identifier: python, python3.12, nodejs20.x, ruby3.3, java21.",
        ),
    ):
        command = decorate(command)
    return command
