"""What happened to one input, as data: the base of `--json`, of the summary and of exit codes.

How it is shown to people is `console`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from defender.errors import DefenderError


@dataclass(frozen=True, slots=True)
class FunctionReport:
    """One function: what it is, how far it is protected, and what has to be set outside of the package."""

    name: str | None
    handler: str
    file: str
    task_root: str
    status: str
    environment: Mapping[str, str]
    settings: tuple[str, ...] = ()
    handler_after: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The object that stands in `functions`."""
        return {
            "name": self.name,
            "status": self.status,
            "settings": list(self.settings),
            "handler": {"before": self.handler, "after": self.handler_after or self.handler},
            "file": self.file,
            "task_root": self.task_root,
            "environment": dict(self.environment),
        }


@dataclass(frozen=True, slots=True)
class ChangeReport:
    """One change: which file, by which rule, why, and its text as a unified diff if it has one."""

    path: str
    rule: str
    why: str
    diff: str = ""
    is_drop: bool = False

    def to_json(self) -> dict[str, Any]:
        """The object that stands in `changes` and `skipped`."""
        return {"path": self.path, "rule": self.rule, "why": self.why}


@dataclass(frozen=True)
class Report:
    """The outcome for one input; with `error` nothing was written."""

    command: str
    input: str
    output: str | None = None
    runtime: str | None = None
    cloud: str | None = None
    build: str | None = None
    form: str | None = None
    functions: tuple[FunctionReport, ...] = ()
    changes: tuple[ChangeReport, ...] = ()
    skipped: tuple[ChangeReport, ...] = ()
    bundle: str | None = None
    policy: str | None = None
    on_failure: str | None = None
    sha256: str | None = None
    code_sha256: str | None = None
    warnings: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    error: DefenderError | None = None
    dry_run: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def environment(self) -> Mapping[str, str] | None:
        """The environment that all functions share, or None when theirs differ."""
        return shared_environment([self])

    def to_json(self) -> dict[str, Any]:
        """One line of `--json`; keys that a command has nothing to say about are left out."""
        shown: dict[str, Any] = {
            "input": self.input,
            "output": self.output,
            "runtime": self.runtime,
            "cloud": self.cloud,
            "build": self.build,
            "form": self.form,
            "functions": [one.to_json() for one in self.functions],
            "environment": None if self.environment is None else dict(self.environment),
            "changes": [one.to_json() for one in self.changes],
            "skipped": [one.to_json() for one in self.skipped],
            "bundle": self.bundle,
            "sha256": self.sha256,
            "code_sha256": self.code_sha256,
            "warnings": list(self.warnings),
            "evidence": list(self.evidence),
            **self.extra,
        }
        if self.error is not None:
            shown["error"] = error_json(self.error)
        return shown


def error_json(error: DefenderError) -> dict[str, Any]:
    """The object that stands in `error`."""
    return {
        "code": error.code,
        "message": error.message,
        "path": error.path,
        "line": error.line,
        "hint": error.hint,
    }


def shared_environment(reports: Sequence[Report]) -> Mapping[str, str] | None:
    """The environment that all functions of all reports share, or None when theirs differ."""
    found = [one.environment for report in reports for one in report.functions]
    if any(one != found[0] for one in found):
        return None
    return found[0] if found else {}
