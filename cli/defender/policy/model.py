"""What a policy is, as frozen data: rules, the collections that select functions, and four sections.

Every field says in its metadata what kind of value it holds and what it means; the readers, the
writer of TW_POLICY, the schema and the explanations are all driven by that, so that a field is
described once. Nothing here reads or judges.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, NamedTuple

Provider = Literal["aws", "azure"]
PROVIDERS: tuple[Provider, ...] = ("aws", "azure")
SECTIONS = ("processes", "network", "dns", "filesystem")


class Effect(StrEnum):
    """What happens to a call that a section denies."""

    DISABLE = "disable"
    ALERT = "alert"
    PREVENT = "prevent"
    BLOCK = "block"


class Kind(StrEnum):
    """What a field holds, and so how its value is read, written and checked."""

    TEXT = "text"
    FLAG = "flag"
    EFFECT = "effect"
    PATTERNS = "patterns"
    PROGRAMS = "programs"
    ADDRESSES = "addresses"
    PORTS = "ports"
    NAMES = "names"
    PATHS = "paths"
    TABLE = "table"


class Ports(NamedTuple):
    """A range of ports, both ends included."""

    first: int
    last: int

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


def _about(kind: Kind, text: str, table: type | None = None) -> dict[str, object]:
    """The metadata of a field: its own description."""
    return {"kind": kind, "about": text, "table": table}


_EFFECT = _about(Kind.EFFECT, "What happens to a denied call: disable, alert, prevent or block.")


@dataclass(frozen=True, slots=True)
class Processes:
    """Which programs the function may start."""

    effect: Effect = field(default=Effect.DISABLE, metadata=_EFFECT)
    block_all: bool = field(
        default=False, metadata=_about(Kind.FLAG, "Deny every process but the main one, the runtime.")
    )
    crypto_miners: bool = field(
        default=False, metadata=_about(Kind.FLAG, "Deny programs that are known crypto miners.")
    )
    allow: tuple[str, ...] = field(
        default=(),
        metadata=_about(Kind.PROGRAMS, "Programs that may start, all others denied: paths or base names."),
    )
    deny: tuple[str, ...] = field(
        default=(), metadata=_about(Kind.PROGRAMS, "Programs that may not start: paths or base names.")
    )


@dataclass(frozen=True, slots=True)
class Outbound:
    """Where the function may connect to."""

    allow_ips: tuple[str, ...] = field(
        default=(),
        metadata=_about(Kind.ADDRESSES, "Addresses and networks that may be reached, all others denied."),
    )
    deny_ips: tuple[str, ...] = field(
        default=(), metadata=_about(Kind.ADDRESSES, "Addresses and networks that may not be reached.")
    )
    allow_ports: tuple[Ports, ...] = field(
        default=(), metadata=_about(Kind.PORTS, "Remote ports that may be reached, all others denied.")
    )
    deny_ports: tuple[Ports, ...] = field(
        default=(), metadata=_about(Kind.PORTS, "Remote ports that may not be reached.")
    )


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the function may accept connections."""

    allow_ports: tuple[Ports, ...] = field(
        default=(), metadata=_about(Kind.PORTS, "Ports that may be listened on, all others denied.")
    )
    deny_ports: tuple[Ports, ...] = field(
        default=(), metadata=_about(Kind.PORTS, "Ports that may not be listened on.")
    )


@dataclass(frozen=True, slots=True)
class Network:
    """Outbound connections and listening ports."""

    effect: Effect = field(default=Effect.DISABLE, metadata=_EFFECT)
    outbound: Outbound = field(
        default=Outbound(), metadata=_about(Kind.TABLE, "Connections that the function makes.", Outbound)
    )
    listening: Listening = field(
        default=Listening(), metadata=_about(Kind.TABLE, "Ports that the function listens on.", Listening)
    )


@dataclass(frozen=True, slots=True)
class Dns:
    """Which names the function may look up."""

    effect: Effect = field(default=Effect.DISABLE, metadata=_EFFECT)
    allow: tuple[str, ...] = field(
        default=(),
        metadata=_about(Kind.NAMES, "Names that may be looked up, all others denied: *.amazonaws.com."),
    )
    deny: tuple[str, ...] = field(default=(), metadata=_about(Kind.NAMES, "Names that may not be looked up."))


@dataclass(frozen=True, slots=True)
class Filesystem:
    """Which files the function may open, make, change or take away."""

    effect: Effect = field(default=Effect.DISABLE, metadata=_EFFECT)
    allow: tuple[str, ...] = field(
        default=(),
        metadata=_about(Kind.PATHS, "Absolute paths that may be used, with all below, all others denied."),
    )
    deny: tuple[str, ...] = field(
        default=(), metadata=_about(Kind.PATHS, "Absolute paths that may not be used, with all below.")
    )


Section = Processes | Network | Dns | Filesystem


@dataclass(frozen=True, slots=True)
class Collection:
    """Functions that a rule is for: all three fields must match, one entry of each."""

    functions: tuple[str, ...] = field(
        default=("*",),
        metadata=_about(Kind.PATTERNS, "Function names: orders-*, *-eu, *api*, or -pattern to leave out."),
    )
    regions: tuple[str, ...] = field(
        default=("*",), metadata=_about(Kind.PATTERNS, "Regions: us-east-1, eu-*, or -pattern to leave out.")
    )
    accounts: tuple[str, ...] = field(
        default=("*",), metadata=_about(Kind.PATTERNS, "Accounts (subscriptions); they count on Azure only.")
    )


EVERYTHING = Collection()


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: which functions it is for, and what they may do."""

    name: str = field(default="", metadata=_about(Kind.TEXT, "The rule's name; audits carry it."))
    notes: str = field(
        default="", metadata=_about(Kind.TEXT, "Notes for people; they are not part of TW_POLICY.")
    )
    disabled: bool = field(default=False, metadata=_about(Kind.FLAG, "Skip this rule."))
    collections: tuple[Collection, ...] = field(
        default=(EVERYTHING,),
        metadata=_about(Kind.TABLE, "Several selections; one of them must match.", Collection),
    )
    processes: Processes = field(default=Processes(), metadata=_about(Kind.TABLE, "Processes.", Processes))
    network: Network = field(default=Network(), metadata=_about(Kind.TABLE, "Network.", Network))
    dns: Dns = field(default=Dns(), metadata=_about(Kind.TABLE, "DNS names.", Dns))
    filesystem: Filesystem = field(default=Filesystem(), metadata=_about(Kind.TABLE, "Files.", Filesystem))

    def sections(self) -> dict[str, Section]:
        """The sections that are switched on, in their fixed order."""
        every: dict[str, Section] = {name: getattr(self, name) for name in SECTIONS}
        return {name: section for name, section in every.items() if section.effect != Effect.DISABLE}

    def stops(self) -> bool:
        """Whether the agent stops anything for this rule, rather than audits or nothing."""
        return any(
            section.effect is not Effect.ALERT and section != _idle(section)
            for section in self.sections().values()
        )

    def limits_addresses(self) -> bool:
        """Whether the allow list of dns counts for network too: one on trial must not stop anything."""
        if not self.dns.allow or Effect.DISABLE in (self.dns.effect, self.network.effect):
            return False
        return self.dns.effect is not Effect.ALERT or self.network.effect is Effect.ALERT


def _idle(section: Section) -> Section:
    """The same section with its effect and nothing that it denies."""
    return type(section)(effect=section.effect)


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules, the first that matches applies."""

    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Identity:
    """The function that a policy is asked about; `None` is what nobody said.

    `region` may also be "any": that of a function of which the region is deliberately left open.
    """

    function: str | None = None
    region: str | None = None
    provider: Provider = "aws"
    account: str | None = None
