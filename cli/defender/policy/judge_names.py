"""The verdict of a dns section on a name, as the core gives it.

Pure: facts in, judgement out. It looks nothing up.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from defender.policy.judge import Judgement
from defender.policy.matching import matches
from defender.policy.model import Dns, Effect

DENIED = "explicitlyDeniedDNS"


@dataclass(frozen=True, slots=True)
class NameFacts:
    """A name about to be asked for, without a final dot.

    `implicit`: every function may ask for it. `unexamined`: the resolver may ask for another one.
    """

    name: str
    implicit: bool = False
    unexamined: bool = False


def judge_name(section: Dns, facts: NameFacts) -> Judgement:
    """Whether a name may be looked up."""
    if section.effect is Effect.DISABLE:
        return Judgement(None, "dns is disabled")
    name = facts.name
    if facts.implicit:
        return Judgement(None, f"{name} may be looked up by every function")
    return _denial(section, facts) or _passed(section, name)


def _denial(section: Dns, facts: NameFacts) -> Judgement | None:
    name = facts.name
    denied = _first(section.deny, name)
    if denied is not None:
        return Judgement(DENIED, f'{name} is denied by "{denied}"', denied)
    if section.allow and _first(section.allow, name) is None:
        return Judgement(DENIED, f"{name} is denied: it is not on the allow list")
    if facts.unexamined and (section.allow or section.deny):
        return Judgement(DENIED, f"{name} is denied: it could not be compared with the lists")
    return None


def _passed(section: Dns, name: str) -> Judgement:
    allowed = _first(section.allow, name)
    why = "nothing denies it" if allowed is None else f'"{allowed}" allows it'
    return Judgement(None, f"{name} may be looked up: {why}")


def is_listed(section: Dns, name: str) -> bool:
    """Whether the allow list has the name and the deny list has not: then its addresses may be reached."""
    on = section.effect is not Effect.DISABLE
    return on and _first(section.allow, name) is not None and _first(section.deny, name) is None


def _first(entries: Iterable[str], name: str) -> str | None:
    return next((entry for entry in entries if matches(entry, name)), None)
