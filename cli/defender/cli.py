"""The command line's entry: the group of subcommands, signals, and errors as exit codes.

The only module that exits. Subcommands are imported when they are called, so that `--version` and
`--help` stay quick.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from importlib import import_module
from types import FrameType
from typing import Any

import click

from defender import __version__
from defender.errors import DefenderError, PackageError

_COMMANDS = {
    "embed": "Protect functions: write a new package and the TW_POLICY string.",
    "inspect": "Show what would be protected, and why defender thinks so.",
    "verify": "Check, offline, that a package is protected as it says.",
    "remove": "Give back the package as it was before embedding.",
    "policy": "Make, check, explain, encode and convert policies.",
}


class _LazyGroup(click.Group):
    """Imports `commands/<name>.py` only when the command is used; `--help` needs the names alone."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        command = getattr(import_module(f"defender.commands.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 2 usage, 3 bad input package, 4 runtime or handler not determined, "
    "5 rewriting refused, 6 policy invalid, 7 verification failed, 8 remote service.",
)
@click.version_option(__version__, prog_name="defender")
def cli() -> None:
    """Embed runtime protection into serverless functions.

    A deployment ZIP or a source folder goes in; a protected one comes out, with the TW_POLICY string
    that the function needs in its environment.
    """


def main() -> None:
    """Run the command line; every DefenderError becomes one message on stderr and its exit code."""
    signal.signal(signal.SIGTERM, _end)
    # Thousands of members are thousands of objects that all stay: looking through them again and again for
    # cycles took a tenth of a large package's time.
    gc.set_threshold(100_000)
    try:
        status = cli.main(standalone_mode=False, prog_name="defender")
    except DefenderError as error:
        from defender.console import Console

        Console().error(error)
        status = error.exit_code
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("defender: interrupted; nothing half-written was left", err=True)
        status = 130
    except BrokenPipeError:
        _discard_output()  # whoever read it went away
        status = 1
    except OSError as error:
        # What reads and writes packages has its own messages: this is stdout, or a file that vanished.
        click.echo(f"defender: {error.filename or 'output'}: {error.strerror or error}", err=True)
        _discard_output()
        status = PackageError.exit_code
    sys.exit(status if isinstance(status, int) else 0)


def _discard_output() -> None:
    """Python would complain again of what it can't write when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _end(signum: int, frame: FrameType | None) -> Any:
    """SIGTERM ends like Ctrl-C: through the `finally` blocks that take temporary files away."""
    del signum, frame
    raise KeyboardInterrupt
