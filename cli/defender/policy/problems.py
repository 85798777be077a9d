"""A problem found in a policy, with its place, before anyone decides whether to raise or to print
it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from defender.errors import PolicyError

# Keys and list positions that lead to a value: ("rule", 0, "processes", "deny", 1).
Place = tuple[str | int, ...]


class Severity(StrEnum):
    """How bad a problem is: only errors make a policy invalid."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding; line and column count from 1 and are None where there is no file."""

    severity: Severity
    message: str
    place: Place = ()
    hint: str | None = None
    on_key: bool = False
    line: int | None = None
    column: int | None = None

    def error(self, path: str | None) -> PolicyError:
        """The exception for this problem in the file `path`."""
        return PolicyError(self.message, path=path, line=self.line, column=self.column, hint=self.hint)

    def text(self, path: str) -> str:
        """`path:line:column: severity: message (hint)`, as compilers write it."""
        parts = (path, self.line, self.column)
        where = ":".join(str(part) for part in parts if part is not None)
        tail = f" ({self.hint})" if self.hint else ""
        return f"{where}: {self.severity}: {self.message}{tail}"


def dotted(place: Place) -> str:
    """A place as people write it: `rule[0].processes.deny[1]`."""
    found = ""
    for part in place:
        if isinstance(part, int):
            found += f"[{part}]"
        else:
            found += f".{part}" if found else part
    return found
