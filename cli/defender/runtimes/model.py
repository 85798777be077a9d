"""What is known of a package's functions before anything is changed. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Request:
    """What the user said on the command line about the package's functions.

    `names` maps handlers to function names; the key None holds a name that goes with any handler.
    """

    runtime: str | None = None
    handlers: tuple[str, ...] = ()
    names: Mapping[str | None, str] = field(default_factory=dict)
    region: str | None = None
    provider: str | None = None
    account: str | None = None


@dataclass(frozen=True)
class Function:
    """One function: its handler as the platform knows it, the file that the runtime loads for it.

    `name` is the deployed name where it is known, never a logical id. `task_root` is a folder of the
    input, "" for the input itself. `runtime` is the platform's identifier, such as python3.12.
    `environment` has None for values that are not literal.
    """

    handler: str
    file: str
    task_root: str = ""
    name: str | None = None
    logical_id: str | None = None
    source: str | None = None
    """The file that declares it, None for one that is known by its handler alone."""
    runtime: str | None = None
    region: str | None = None
    environment: Mapping[str, str | None] = field(default_factory=dict)
    architectures: tuple[str, ...] = ()
    output: str | None = None
    """What its project's build makes, where IaC deploys that; None where IaC's own tool builds the folder."""
    build_method: str | None = None
    """What IaC has build the function, such as `esbuild`; None for the platform's usual way."""
    evidence: tuple[str, ...] = ()
    setting: str | None = None
    """The handler setting as IaC declares it, where that is another product's wrapper."""

    @property
    def label(self) -> str:
        """How messages call the function."""
        return self.name or self.logical_id or self.handler


@dataclass(frozen=True)
class Detection:
    """The package's runtime family, its functions, and the reason for each statement."""

    family: str
    identifier: str | None
    cloud: str
    build: str | None
    form: str
    functions: tuple[Function, ...]
    evidence: tuple[str, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A function in the source that could be a handler, and what makes it look like one."""

    handler: str
    evidence: str
