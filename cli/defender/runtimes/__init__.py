"""The registry of runtimes: one module each, all with the same few functions.

A new runtime is one package here, one line in `REGISTRY`, and one folder each in `templates/`, `agent/`
and `fixtures/`; a contract test compares the four lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from defender.archive import Archive
from defender.plan import Plan
from defender.runtimes.model import Candidate, Detection, Function

if TYPE_CHECKING:
    from defender.bundle import Agent

REGISTRY = {
    "python": "defender.runtimes.python",
    "nodejs": "defender.runtimes.nodejs",
    "ruby": "defender.runtimes.ruby",
    "java": "defender.runtimes.java",
}
"""Runtime family to module; imported when needed, since each brings a grammar."""

RECOGNISED = {
    "python": "Python",
    "nodejs": "Node.js",
    "ruby": "Ruby",
    "java": "Java",
    "dotnet": "C#",
    "go": "Go",
    "provided": "a custom runtime",
}
"""Families that a runtime identifier can name, supported or not; the key is the identifier's prefix."""


class Runtime(Protocol):
    """What a module in the registry offers."""

    DEFAULT_HANDLERS: tuple[str, ...]

    def locate(self, archive: Archive, task_root: str, handler: str, runtime: str | None) -> str | None:
        """The file that the platform loads for the handler, or None when the root has none."""
        ...

    def home(self, archive: Archive, task_root: str, file: str) -> str:
        """The folder that the function's package is made of: its task root, or the project that its file belongs to."""
        ...

    def candidates(self, archive: Archive) -> tuple[Candidate, ...]:
        """Functions in the source that look like handlers."""
        ...

    def form(self, archive: Archive, functions: Sequence[Function]) -> str:
        """`source` or `built`."""
        ...

    def plan(self, archive: Archive, found: Detection, agent: Agent) -> Plan:
        """The edits that make every function's handler run inside the agent."""
        ...

    def shape(self, archive: Archive, function: Function) -> str:
        """What kind of handler it is, in the words that bundles describe their entry points with."""
        ...

    def unprotected(self, archive: Archive, function: Function) -> str | None:
        """Why the function's handler does not run inside the agent; None when it does."""
        ...


def runtime(family: str) -> Runtime:
    """The module of a family in the registry."""
    return cast("Runtime", import_module(REGISTRY[family]))


def family_of(identifier: str | None) -> str | None:
    """The family of a runtime identifier such as `python3.12`, or None for one that is unknown."""
    known = (name for name in RECOGNISED if (identifier or "").lower().startswith(name))
    return next(known, None)
