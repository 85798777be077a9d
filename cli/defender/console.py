"""How reports look: text for people on stderr, results on stdout. The only importer of rich.

It decides nothing and computes nothing that a report does not hold.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import click

from defender.errors import DefenderError
from defender.report import FunctionReport, Report

if TYPE_CHECKING:
    from rich.console import Console as RichConsole
    from rich.progress import Progress as RichProgress

    from defender.verification import Finding

_STYLES = {"protected": "bold green", "pending": "bold yellow", "not-enforced": "bold red"}
_PROGRESS_AFTER = 1.0


class Console:
    """Where a command's words go; with `quiet` only results and errors."""

    def __init__(self, *, quiet: bool = False, verbose: bool = False, as_json: bool = False) -> None:
        self.quiet = quiet
        self.verbose = verbose
        self.as_json = as_json

    def result(self, line: str) -> None:
        """One line of result on stdout."""
        click.echo(line)

    def results(self, reports: Sequence[Report], environment: Mapping[str, str] | None) -> None:
        """The results of a run: a JSON object a line, or dotenv lines."""
        if self.as_json:
            for report in reports:
                self.result(json.dumps(report.to_json(), ensure_ascii=False))
            return
        for name, value in (environment or {}).items():
            self.result(f"{name}={value}")

    def error(self, error: DefenderError) -> None:
        """What is wrong, where, and what to do."""
        self._print(f"[bold red]error[/]: {_escape(str(error))}")
        if error.hint:
            self._print(f"  [dim]hint:[/] {_escape(error.hint)}")

    def warn(self, text: str) -> None:
        """Something that the user should know although the run went well."""
        if not self.quiet:
            self._print(f"[bold yellow]warning[/]: {_escape(text)}")

    def summary(self, report: Report) -> None:
        """One input's outcome: what changed, what it is worth, what to set in the cloud."""
        if report.error is not None:
            self.error(report.error)
            return
        for warning in report.warnings:
            self.warn(warning)
        if self.quiet:
            return
        verb = {"inspect": "would embed", "remove": "restored"}.get(report.command, "embedded")
        if report.dry_run:
            verb = f"would have {verb}"
        target = f" → [bold]{_escape(report.output)}[/]" if report.output else ""
        self._print(f"[bold]{_escape(report.input)}[/]{target}  [dim]{verb}[/]")
        facts = (report.runtime, report.build, report.form, report.bundle, report.policy)
        if any(facts):
            self._print(f"  [dim]{_escape(' · '.join(fact for fact in facts if fact))}[/]")
        for function in report.functions:
            self._function(function)
        self._changes(report)
        if self.verbose or report.command == "inspect":
            for line in report.evidence:
                self._print(f"  [dim]because[/] {_escape(line)}")
        if report.command == "embed" and report.functions:
            self._settings(report)

    def diff(self, report: Report) -> None:
        """The unified diffs of a dry run, coloured when stderr is a terminal."""
        for change in report.changes:
            for line in change.diff.splitlines():
                style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
                bold = line.startswith(("+++", "---"))
                self._print(_escape(line), style="bold" if bold else style)

    def findings(self, package: str, findings: Iterable[Finding]) -> None:
        """What `verify` looked at; the good things only as far as they are asked for."""
        if not self.quiet:
            self._print(f"[bold]{_escape(package)}[/]")
        for finding in findings:
            if finding.problem:
                self._print(
                    f"  [bold red]✗[/] {_escape(finding.path)} [dim]{_escape(finding.checked)}:[/] "
                    f"{_escape(finding.problem)}"
                )
            elif not self.quiet and (self.verbose or not finding.checked.endswith("file")):
                self._print(f"  [green]✓[/] {_escape(finding.path)} [dim]{_escape(finding.checked)}[/]")

    def _function(self, function: FunctionReport) -> None:
        style = _STYLES.get(function.status, "bold")
        name = f" ({function.name})" if function.name else ""
        self._print(
            f"  [{style}]{function.status}[/] {_escape(function.handler + name)} [dim]in {_escape(function.file)}[/]"
        )

    def _changes(self, report: Report) -> None:
        for change in report.changes:
            if self.verbose or not change.rule.startswith("bundle."):
                sign = "[red]-[/]" if change.is_drop else "[green]+[/]"
                self._print(f"  {sign} {_escape(change.path)} [dim]{change.rule}: {_escape(change.why)}[/]")
        hidden = sum(change.rule.startswith("bundle.") for change in report.changes)
        if hidden and not self.verbose:
            self._print(f"  [green]+[/] {hidden} files of the agent")
        for change in report.skipped:
            self._print(f"  [dim]= {_escape(change.path)} {change.rule}: {_escape(change.why)}[/]")

    def _settings(self, report: Report) -> None:
        steps = list(dict.fromkeys(setting for one in report.functions for setting in one.settings))
        if report.on_failure:
            outcome = {"open": "the function runs unprotected", "closed": "every invocation fails"}
            steps.append(
                f"if the agent can't start, {outcome[report.on_failure]} (--on-failure {report.on_failure})"
            )
        steps.append("sign the package after embedding, if your functions use code signing")
        for step in steps:
            self._print(f"  [cyan]→[/] {_escape(step)}")

    def _print(self, text: str, style: str | None = None) -> None:
        _stderr().print(text, style=style, highlight=False, soft_wrap=True)


class Progress:
    """Bars on stderr for work that takes over a second, one for each piece of work."""

    def __init__(self, console: Console) -> None:
        self._enabled = not console.quiet and sys.stderr.isatty()
        self._started = time.monotonic()
        self._bars: RichProgress | None = None
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def of(self, title: str) -> Callable[[int, int], None]:
        """A function to call with bytes done and bytes in all; threads may share the bars."""
        task: Any = None

        def advance(done: int, total: int) -> None:
            nonlocal task
            if not self._enabled or time.monotonic() - self._started < _PROGRESS_AFTER:
                return
            with self._lock:
                bars = self._shown()
                task = bars.add_task(title, total=total) if task is None else task
                bars.update(task, completed=done, total=total)

        return advance

    def _shown(self) -> RichProgress:
        if self._bars is None:
            from rich.progress import Progress as RichProgress

            self._bars = RichProgress(console=_stderr(), transient=True)
            self._bars.start()
        return self._bars


def _escape(text: str) -> str:
    """Text without meaning for rich, and without control characters that a package could smuggle in."""
    from rich.markup import escape

    return escape(
        "".join(char if char.isprintable() or char == "\t" else "\N{REPLACEMENT CHARACTER}" for char in text)
    )


def _stderr() -> RichConsole:
    from rich.console import Console as RichConsole

    force = bool(os.environ.get("FORCE_COLOR")) or None
    return RichConsole(stderr=True, force_terminal=force, no_color="NO_COLOR" in os.environ or None)
