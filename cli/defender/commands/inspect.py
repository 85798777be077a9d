"""`defender inspect`: what a package is, and what `embed` would make of it; writes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from defender import manifest as manifests
from defender.archive import open_archive
from defender.commands import choose, talk
from defender.commands.request import request
from defender.console import Console
from defender.detect import detect
from defender.errors import DefenderError
from defender.report import FunctionReport, Report
from defender.runtimes import runtime
from defender.runtimes.model import Request


@click.command()
@click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="INPUT...")
@choose
@talk
def inspect(inputs: tuple[Path, ...], **given: Any) -> int:
    """Show what would be protected, and why defender thinks so."""
    console = Console(quiet=given["quiet"], verbose=given["verbose"], as_json=given["as_json"])
    asked = request(given)
    reports = [_inspect(source, asked) for source in inputs]
    for report in reports:
        console.summary(report)
    if console.as_json:
        console.results(reports, None)
    return max((report.error.exit_code if report.error else 0 for report in reports), default=0)


def _inspect(source: Path, asked: Request) -> Report:
    report = Report(command="inspect", input=str(source))
    try:
        with open_archive(source) as archive:
            found, _ = detect(archive, asked)
            module = runtime(found.family)
            functions = []
            for one in found.functions:
                missing = module.unprotected(archive, one)
                status = "not embedded" if missing else "wrapped"
                functions.append(FunctionReport(one.name, one.handler, one.file, one.task_root, status, {}))
            embedded = manifests.task_roots(archive)
            return replace(
                report,
                runtime=found.identifier or found.family,
                cloud=found.cloud,
                build=found.build,
                form=found.form,
                functions=tuple(functions),
                warnings=(*archive.warnings, *found.warnings),
                evidence=found.evidence,
                extra={
                    "manifests": [
                        manifests.NAME if not root else f"{root}/{manifests.NAME}" for root in embedded
                    ]
                },
            )
    except DefenderError as error:
        return replace(report, error=error)
