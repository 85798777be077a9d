"""The error tree: one class and one exit code for each way in which a run can end badly.

Library code raises these; only `cli.py` turns them into text and an exit status. A message says what is
wrong, `path`, `line` and `column` say where, `hint` says what to do.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import ClassVar


class DefenderError(Exception):
    """Base of all errors that a user can cause and mend.

    `path` is the file as the user knows it (a member's name in a ZIP counts); `line` and `column`
    count from 1.
    """

    exit_code: ClassVar[int] = 1
    code: ClassVar[str] = "error"

    def __init__(
        self,
        message: str,
        *,
        path: str | PurePath | None = None,
        line: int | None = None,
        column: int | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.path = None if path is None else str(path)
        self.line = line
        self.column = column
        self.hint = hint

    @property
    def where(self) -> str | None:
        """`path:line:column`, as far as known."""
        if self.path is None:
            return None
        return ":".join(str(part) for part in (self.path, self.line, self.column) if part is not None)

    def __str__(self) -> str:
        return self.message if self.where is None else f"{self.where}: {self.message}"


class UsageError(DefenderError):
    """The command line asks for something impossible or contradictory."""

    exit_code = 2
    code = "usage"


class PackageError(DefenderError):
    """The input is no package that we can read, or a hostile one."""

    exit_code = 3
    code = "package"


class DetectionError(DefenderError):
    """Runtime or handler could not be determined."""

    exit_code = 4
    code = "detection"


class RewriteRefused(DefenderError):
    """A rewriting that we can't prove, so we don't do it."""

    exit_code = 5
    code = "refused"


class PolicyError(DefenderError):
    """The policy file or a TW_POLICY string is invalid, or does not fit the function."""

    exit_code = 6
    code = "policy"


class VerificationFailed(DefenderError):
    """`verify` or an expected hash found a package that is not what it should be."""

    exit_code = 7
    code = "verification"


class RemoteError(DefenderError):
    """A remote service refused or did not answer."""

    exit_code = 8
    code = "remote"
