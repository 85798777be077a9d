"""In plain words: which rule is for a function, why the others are not, and what that rule does.

It gives data; commands print it. It decides nothing: see `matching`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from defender.policy.matching import Match, match
from defender.policy.model import (
    Dns,
    Effect,
    Filesystem,
    Identity,
    Network,
    Outbound,
    Policy,
    Ports,
    Processes,
    Rule,
    Section,
)

_CONSEQUENCES = {
    Effect.ALERT: "a denied call goes ahead, with an audit",
    Effect.PREVENT: "a denied call fails, with an audit",
    Effect.BLOCK: "a denied call fails, with an audit, and the runtime process ends",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One rule of the policy and what became of it; `number` counts from 1."""

    number: int
    rule: str
    applies: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Explained:
    """One section of the rule that applies, as sentences in the order in which they are judged."""

    name: str
    effect: str
    consequence: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a policy means for one function."""

    match: Match
    steps: tuple[Step, ...]
    sections: tuple[Explained, ...]


def explain(policy: Policy, identity: Identity) -> Explanation:
    """What `policy` means for `identity`; PolicyError if that hangs on something not given."""
    found = match(policy, identity)
    reasons = {miss.number: miss.reason for miss in found.misses}
    steps = [
        Step(number, rule.name, number not in reasons, reasons.get(number, found.why))
        for number, rule in enumerate(policy.rules, 1)
    ]
    sections = () if found.rule is None else explain_rule(found.rule)
    return Explanation(found, tuple(steps), sections)


def explain_rule(rule: Rule) -> tuple[Explained, ...]:
    """What a rule does, section by section; sections that are switched off are left out."""
    return tuple(
        Explained(
            name,
            str(section.effect),
            _CONSEQUENCES[section.effect],
            tuple(_sentences(rule, section)),
        )
        for name, section in rule.sections().items()
    )


def _sentences(rule: Rule, section: Section) -> Iterator[str]:
    if isinstance(section, Processes):
        return _processes(section)
    if isinstance(section, Network):
        return _network(rule, section)
    if isinstance(section, Dns):
        return _names(section)
    return _files(section)


def _processes(section: Processes) -> Iterator[str]:
    program = "any other program" if section.deny or section.crypto_miners else "any program"
    if section.deny:
        yield f"denied: starting {_listed(section.deny)}"
    if section.crypto_miners:
        yield "denied: starting a known crypto miner"
    if section.block_all:
        yield f"denied: starting {program}; the main process, the runtime, is not concerned"
    elif section.allow:
        yield f"allowed: starting {_listed(section.allow)}; any other program is denied"
    else:
        yield f"allowed: starting {program}"


def _network(rule: Rule, section: Network) -> Iterator[str]:
    out, listening = section.outbound, section.listening
    allow: Sequence[str] = out.allow_ips
    if rule.limits_addresses() or (allow and rule.dns.allow and rule.dns.effect is not Effect.DISABLE):
        allow = (*allow, "what was returned for an allowed name")
    yield from _lists(out.deny_ips, allow, "connecting to ", "address")
    yield from _lists(out.deny_ports, out.allow_ports, "connecting to ", "port", "port ")
    if allow or out != Outbound():
        yield "always allowed: connecting to itself, to the platform's own services, to its resolvers"
    yield from _lists(listening.deny_ports, listening.allow_ports, "listening on ", "port", "port ")


def _names(section: Dns) -> Iterator[str]:
    yield from _lists(section.deny, section.allow, "looking up ", "name")
    if section.deny or section.allow:
        yield "always allowed: looking up localhost, its own name, and those of the platform's services"


def _files(section: Filesystem) -> Iterator[str]:
    yield from _lists(section.deny, section.allow, "using ", "path")
    if section.deny or section.allow:
        yield "always allowed: reading what the runtime needs, unless an entry names it or what lies below"


def _lists(
    deny: Sequence[str | Ports], allow: Sequence[str | Ports], doing: str, noun: str, label: str = ""
) -> Iterator[str]:
    """Sentences for a pair of lists; `label` stands before their entries."""
    if deny:
        yield f"denied: {doing}{label}{_listed(deny)}"
    if allow:
        yield f"allowed: {doing}{label}{_listed(allow)}; any other {noun} is denied"
    else:
        yield f"allowed: {doing}any {'other ' if deny else ''}{noun}"


def _listed(entries: Iterable[str | Ports]) -> str:
    return ", ".join(str(entry) for entry in entries)
