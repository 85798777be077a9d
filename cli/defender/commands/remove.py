"""`defender remove`: gives back packages as they were before embedding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from defender.archive import Target
from defender.commands import option, talk
from defender.commands.output import targets, write_options
from defender.console import Console, Progress
from defender.errors import DefenderError
from defender.removal import remove as remove_from
from defender.report import Report


@click.command()
@click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="INPUT...")
@option("--expect-sha256", "expected", metavar="HEX", help="Refuse to restore anything but this ZIP.")
@write_options
@talk
def remove(inputs: tuple[Path, ...], expected: str | None, **given: Any) -> int:
    """Give back the package as it was before embedding.

    An untouched package comes back bit for bit. A file that was edited since keeps the edit and loses
    only what was inserted.
    """
    console = Console(quiet=given["quiet"], verbose=given["verbose"], as_json=given["as_json"])
    outputs = targets(
        inputs,
        given["output"],
        suffix="original",
        in_place=given["in_place"],
        force=given["force"],
        durable=given["durable"],
    )
    with Progress(console) as progress:
        reports = [
            _remove(source, target, expected, progress)
            for source, target in zip(inputs, outputs, strict=True)
        ]
    for report in reports:
        console.summary(report)
        if not console.as_json and report.sha256:
            console.result(f"{report.sha256}  {report.output}")
    if console.as_json:
        console.results(reports, None)
    return max((report.error.exit_code if report.error else 0 for report in reports), default=0)


def _remove(source: Path, target: Target, expected: str | None, progress: Progress) -> Report:
    try:
        return remove_from(source, target, expected, progress.of(str(target.path)))
    except DefenderError as error:
        return Report(command="remove", input=str(source), error=error)
