"""`defender embed`: parse, prepare every input, hold them against each other, then write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import click

from defender.archive import Advance, Target
from defender.commands import choose, option, talk
from defender.commands.output import targets, write_options
from defender.commands.request import choice, request
from defender.console import Console, Progress
from defender.embedding import Options, Prepared
from defender.errors import DefenderError, UsageError
from defender.removal import file_sha256
from defender.report import Report, shared_environment


@click.command()
@click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="INPUT...")
@choose
@option(
    "--policy",
    "policy_file",
    type=click.Path(path_type=Path),
    help="The policy; default: defender.toml here, else every process but the main one is prevented.",
)
@option("--effect", type=click.Choice(["alert", "prevent", "block"]), help="Overrides every effect.")
@option("--tw-policy", metavar="STRING", help="A ready TW_POLICY string, instead of a policy.")
@option("--baked-policy", is_flag=True, help="Put the policy into the package, not the environment.")
@option(
    "--on-failure",
    type=click.Choice(["open", "closed"]),
    default="open",
    show_default=True,
    help="When the agent can't start: run the function, or fail its invocations.",
)
@option("--bundle", type=click.Path(path_type=Path), help="A bundle that a console made (ZIP).")
@option("--replace-bundle", is_flag=True, help="Replace a bundle of another version in the package.")
@option("--zip", "as_zip", is_flag=True, help="Pack a folder into a ZIP.")
@option("--dry-run", is_flag=True, help="Show the changes as a diff, and write nothing.")
@option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Inputs at a time.")
@write_options
@talk
def embed(inputs: tuple[Path, ...], **given: Any) -> int:
    """Protect functions: write a new package and the TW_POLICY string.

    INPUT is a deployment ZIP or a source folder. Without --json, stdout carries the environment that the
    function needs as dotenv lines; everything else goes to stderr.

    \b
    Examples:
      defender embed function.zip > .env
      defender embed app/ --function orders --policy defender.toml -o build/app
      defender embed *.zip --json --jobs 4
    """
    console = Console(quiet=given["quiet"], verbose=given["verbose"], as_json=given["as_json"])
    options = Options(
        request=request(given),
        choice=choice(given, inputs),
        on_failure=given["on_failure"],
        customers_bundle=given["bundle"],
        replace_bundle=given["replace_bundle"],
    )
    outputs = targets(
        inputs,
        given["output"],
        suffix="protected",
        in_place=given["in_place"],
        force=given["force"],
        durable=given["durable"],
        as_zip=given["as_zip"],
    )
    return _Run(console, options, given["dry_run"], given["jobs"]).run(inputs, outputs)


class _Run:
    """All inputs of one call: prepared, compared, written, told."""

    def __init__(self, console: Console, options: Options, dry_run: bool, jobs: int) -> None:
        self.console = console
        self.options = options
        self.dry_run = dry_run
        self.jobs = jobs
        self.interrupted = Event()

    def run(self, inputs: Sequence[Path], outputs: Sequence[Target]) -> int:
        """Exit code: 0, or the highest of those that the inputs ended with."""
        with ExitStack() as stack:
            prepared = [self._prepare(source, stack) for source in inputs]
            self._refuse_different_environments(prepared)
            finish = partial(self._finish, stack.enter_context(Progress(self.console)))
            reports = list(self._spread(finish, prepared, outputs))
        for report in reports:
            self.console.summary(report)
            if self.dry_run:
                self.console.diff(report)
        self.console.results(reports, shared_environment([one for one in reports if one.error is None]))
        return max((report.error.exit_code if report.error else 0 for report in reports), default=0)

    def _prepare(self, source: Path, stack: ExitStack) -> Prepared | Report:
        try:
            return stack.enter_context(Prepared(source, self.options))
        except DefenderError as error:
            return Report(command="embed", input=str(source), error=error)

    def _refuse_different_environments(self, prepared: Sequence[Prepared | Report]) -> None:
        """What goes to stdout as dotenv can be one environment only; --json tells them apart."""
        found = shared_environment([one.report for one in prepared if isinstance(one, Prepared)])
        if found is None and not self.console.as_json:
            raise UsageError(
                "the functions need different environments, which dotenv lines can't tell apart",
                hint="use --json, or --handler to embed one function at a time",
            )

    def _spread(
        self,
        finish: Callable[[Prepared | Report, Target], Report],
        prepared: Sequence[Prepared | Report],
        outputs: Sequence[Target],
    ) -> Iterable[Report]:
        """`finish` for every input, several at a time if that was asked for.

        An interruption reaches the main thread alone; the others learn of it before they publish.
        """
        if self.jobs == 1:
            return map(finish, prepared, outputs)
        with ThreadPoolExecutor(self.jobs) as pool:
            try:
                return list(pool.map(finish, prepared, outputs))
            except KeyboardInterrupt:
                self.interrupted.set()
                raise

    def _finish(self, progress: Progress, prepared: Prepared | Report, target: Target) -> Report:
        """Write one input; its failure must not keep the others from being written."""
        if isinstance(prepared, Report):
            return prepared
        if self.dry_run:
            return replace(prepared.report, dry_run=True)
        try:
            report = prepared.write(target, self._advance(progress.of(str(target.path))))
        except DefenderError as error:
            return replace(prepared.report, error=error)
        return _with_hashes(report, target) if self.console.as_json else report

    def _advance(self, show: Advance) -> Advance:
        def advance(done: int, total: int) -> None:
            if self.interrupted.is_set():
                raise KeyboardInterrupt
            show(done, total)

        return advance


def _with_hashes(report: Report, target: Target) -> Report:
    """The output's hashes, computed only where somebody reads them."""
    if target.path.is_dir():
        return report
    from base64 import b64encode

    digest = file_sha256(target.path)
    return replace(report, sha256=digest, code_sha256=b64encode(bytes.fromhex(digest)).decode())
