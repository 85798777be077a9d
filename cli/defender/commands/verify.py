"""`defender verify`: holds packages against what they say of themselves; exit 7 when they don't fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from defender.archive import open_archive
from defender.commands import option, talk
from defender.console import Console
from defender.errors import DefenderError, VerificationFailed
from defender.report import FunctionReport, Report
from defender.verification import Verified
from defender.verification import verify as verify_archive


@click.command()
@click.argument("packages", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PACKAGE...")
@option(
    "--tw-policy",
    metavar="STRING",
    envvar=["DEFENDER_TW_POLICY", "TW_POLICY"],
    help="The string that the function has in its environment.",
)
@option("--bundle", type=click.Path(path_type=Path), help="The console's bundle that was embedded (ZIP).")
@talk
def verify(packages: tuple[Path, ...], tw_policy: str | None, bundle: Path | None, **given: Any) -> int:
    """Check, offline, that a package is protected as it says."""
    console = Console(quiet=given["quiet"], verbose=given["verbose"], as_json=given["as_json"])
    reports = [_verify(package, tw_policy, bundle, console) for package in packages]
    if console.as_json:
        console.results(reports, None)
    return max((report.error.exit_code if report.error else 0 for report in reports), default=0)


def _verify(package: Path, tw_policy: str | None, bundle: Path | None, console: Console) -> Report:
    try:
        with open_archive(package) as archive:
            verified = verify_archive(archive, tw_policy, bundle)
            warnings = archive.warnings
    except DefenderError as error:
        console.error(error)
        return Report(command="verify", input=str(package), error=error)
    console.findings(str(package), verified.findings)
    return Report(
        command="verify",
        input=str(package),
        functions=_functions(verified),
        warnings=warnings,
        extra={
            "findings": [
                {"path": one.path, "checked": one.checked, "problem": one.problem}
                for one in verified.findings
            ]
        },
        error=_failure(package, verified),
    )


def _functions(verified: Verified) -> tuple[FunctionReport, ...]:
    broken = {one.path for one in verified.problems}
    return tuple(
        FunctionReport(
            one.name,
            one.handler,
            one.file,
            one.task_root,
            "not verified" if one.file in broken else "verified",
            {},
        )
        for one in verified.functions
    )


def _failure(package: Path, verified: Verified) -> VerificationFailed | None:
    problems = verified.problems
    if not problems:
        return None
    first = problems[0]
    more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
    return VerificationFailed(f"{first.path}: {first.checked} {first.problem}{more}", path=package)
