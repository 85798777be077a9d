"""What infrastructure-as-code says of a package's functions, as data.

Nothing here is resolved against source files: a declared handler may not exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from defender.archive.model import Member
from defender.errors import DefenderError


class Readable(Protocol):
    """The part of an archive that matters here."""

    @property
    def members(self) -> Mapping[str, Member]:
        """All members by name."""

    def read(self, name: str) -> bytes:
        """One member's content."""


@dataclass(frozen=True, slots=True)
class DeclaredFunction:
    """One function that a template or a serverless.yml declares. None means: not to be known from the file.

    `name` is a literal name only, never the logical id and never a parameter's default, since it
    decides which policy rule applies. `task_root` is a folder of the input, "" for the input
    itself; None where the code lies elsewhere. `environment` has None for values that are not
    literal.
    """

    logical_id: str
    source: str
    line: int
    kind: str
    evidence: str
    name: str | None = None
    handler: str | None = None
    runtime: str | None = None
    task_root: str | None = None
    environment: Mapping[str, str | None] = field(default_factory=dict)
    architectures: tuple[str, ...] = ()
    region: str | None = None
    is_image: bool = False
    is_inline: bool = False
    has_layers: bool = False
    artifact: str | None = None
    """A ready-made archive within the input that is deployed instead of a folder."""
    output: str | None = None
    """What a build makes below `task_root`, where that is deployed and not the folder itself."""
    build_method: str | None = None
    """SAM's `Metadata.BuildMethod`, such as `makefile` or `esbuild`; a bundler among the framework's plugins."""
    wrapped_by: str | None = None
    """The product whose wrapper the handler setting names; `handler` is then the function behind it."""
    setting: str | None = None
    """The handler setting as declared, if literal; differs from `handler` under another's wrapper."""
    trouble: DefenderError | None = None
    """Why `handler` is None although the function needs one."""

    @property
    def where(self) -> str:
        """`file:line`."""
        return f"{self.source}:{self.line}"


@dataclass(frozen=True, slots=True)
class Declared:
    """All functions found, what could not be read, and the files that were looked into."""

    functions: tuple[DeclaredFunction, ...] = ()
    warnings: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    errors: tuple[DefenderError, ...] = ()
    services: tuple[str, ...] = ()
    """The Serverless Framework's files among them, whose packaging rules count."""
    elsewhere: tuple[str, ...] = ()
    """Those of services on other clouds."""
