"""Patterns, and which rule of a policy applies to a function.

`*` is a wildcard at the start and at the end of a pattern and a plain character elsewhere;
case-insensitive means the 26 ASCII letters, as in the core. It decides from what it is told and
asks no cloud.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from string import ascii_lowercase, ascii_uppercase

from defender.errors import PolicyError
from defender.policy.model import (
    Collection,
    Effect,
    Identity,
    Policy,
    Rule,
)

ANY_REGION = "any"
_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
_OPTIONS = {"functions": "--function", "regions": "--region", "accounts": "--account"}


def matches(pattern: str, value: str, *, case_sensitive: bool = False) -> bool:
    """Whether a pattern of wildcards at its ends matches all of `value`."""
    if not case_sensitive:
        pattern, value = lowered(pattern), lowered(value)
    starts, core, ends = split(pattern)
    if starts and ends:
        return core in value
    if starts:
        return value.endswith(core)
    if ends:
        return value.startswith(core)
    return value == core


def split(pattern: str) -> tuple[bool, str, bool]:
    """A wildcard at the start, the literal part, a wildcard at the end."""
    if pattern == "*":
        return True, "", True
    starts, ends = pattern.startswith("*"), pattern.endswith("*")
    return starts, pattern[starts : len(pattern) - ends], ends


def lowered(text: str) -> str:
    """`text` with its 26 ASCII letters in lower case, all else as it is."""
    return text.translate(_LOWER)


def is_everything(pattern: str) -> bool:
    """Whether a pattern matches every value."""
    return split(pattern)[1] == "" and pattern != ""


class Answer(Enum):
    """Whether something matches, where what is asked about may be unknown."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer and its reason: for YES the entry that matched, else a sentence."""

    answer: Answer
    reason: str
    field: str = ""


@dataclass(frozen=True, slots=True)
class Miss:
    """A rule that does not apply, its number in the policy, from 1, and why."""

    number: int
    rule: Rule
    reason: str


@dataclass(frozen=True, slots=True)
class Match:
    """The rule that applies to an identity, if one does, and what became of every other rule."""

    identity: Identity
    rule: Rule | None
    why: str
    misses: tuple[Miss, ...]


def match(policy: Policy, identity: Identity) -> Match:
    """The first enabled rule that matches; PolicyError if that hangs on something not given."""
    misses: list[Miss] = []
    found: tuple[Rule, str] | None = None
    for number, rule in enumerate(policy.rules, 1):
        if found is not None:
            misses.append(Miss(number, rule, f'not looked at: rule "{found[0].name}" applies first'))
        elif rule.disabled:
            misses.append(Miss(number, rule, "it is disabled"))
        else:
            verdict = rule_matches(rule, identity)
            if verdict.answer is Answer.UNKNOWN:
                raise _not_given(rule, verdict)
            if verdict.answer is Answer.YES:
                found = rule, verdict.reason
            else:
                misses.append(Miss(number, rule, verdict.reason))
    if found is None:
        why = "the policy has no rules" if not policy.rules else "no rule matches"
        return Match(identity, None, why, tuple(misses))
    return Match(identity, found[0], found[1], tuple(misses))


def rule_matches(rule: Rule, identity: Identity) -> Verdict:
    """Whether one of a rule's collections matches; `disabled` is not looked at."""
    verdicts = [collection_matches(collection, identity) for collection in rule.collections]
    for wanted in (Answer.YES, Answer.UNKNOWN):
        for verdict in verdicts:
            if verdict.answer is wanted:
                return verdict
    return Verdict(Answer.NO, "; ".join(dict.fromkeys(verdict.reason for verdict in verdicts)))


def collection_matches(collection: Collection, identity: Identity) -> Verdict:
    """Whether all the fields of a collection match; accounts count on Azure only."""
    verdicts = [
        _named(collection.functions, identity.function, "functions"),
        _region(collection.regions, identity.region),
    ]
    if identity.provider == "azure":
        verdicts.append(_named(collection.accounts, identity.account, "accounts"))
    for wanted in (Answer.NO, Answer.UNKNOWN):
        for verdict in verdicts:
            if verdict.answer is wanted:
                return verdict
    return Verdict(Answer.YES, ", ".join(verdict.reason for verdict in verdicts))


def selects(patterns: Sequence[str], value: str, field: str) -> Verdict:
    """Whether one entry of a list matches `value` and no `-pattern`, checked first, vetoes it."""
    for entry in patterns:
        if entry.startswith("-") and matches(entry[1:], value):
            return Verdict(Answer.NO, f'{field}: "{entry}" leaves out {value}', field)
    wanted = positives(patterns)
    for entry in wanted:
        if matches(entry, value):
            return Verdict(Answer.YES, f'{field}: "{entry}" matches {value}', field)
    listed = ", ".join(f'"{entry}"' for entry in wanted)
    return Verdict(Answer.NO, f"{field}: {value} matches none of {listed}", field)


def positives(patterns: Sequence[str]) -> tuple[str, ...]:
    """The entries that select; a list of `-pattern` alone implies `*`."""
    return tuple(entry for entry in patterns if not entry.startswith("-")) or ("*",)


def negatives(patterns: Sequence[str]) -> tuple[str, ...]:
    """The patterns that veto, without their `-`."""
    return tuple(entry[1:] for entry in patterns if entry.startswith("-"))


def _named(patterns: Sequence[str], value: str | None, field: str) -> Verdict:
    if value is not None:
        return selects(patterns, value, field)
    if any(is_everything(entry) for entry in negatives(patterns)):
        return Verdict(Answer.NO, f"{field}: everything is left out", field)
    if _takes_all(patterns):
        return Verdict(Answer.YES, f"{field}: all", field)
    return Verdict(Answer.UNKNOWN, ", ".join(f'"{entry}"' for entry in patterns), field)


def _region(patterns: Sequence[str], region: str | None) -> Verdict:
    if region is None or lowered(region) != ANY_REGION:
        return _named(patterns, region, "regions")
    if any(is_everything(entry) for entry in positives(patterns)):
        return Verdict(Answer.YES, "regions: all", "regions")
    return Verdict(Answer.NO, "regions: the region Any needs a rule for all regions", "regions")


def _takes_all(patterns: Sequence[str]) -> bool:
    return not negatives(patterns) and any(is_everything(entry) for entry in positives(patterns))


def _not_given(rule: Rule, verdict: Verdict) -> PolicyError:
    option = _OPTIONS[verdict.field]
    return PolicyError(
        f'cannot tell whether rule "{rule.name}" applies: its {verdict.field} are {verdict.reason},'
        f" and no {verdict.field[:-1]} was given",
        hint=f"pass {option}",
    )


def with_effect(rule: Rule, effect: Effect) -> Rule:
    """The rule with `effect` in every section that is switched on; `disable` switches them off."""
    changed = {name: replace(section, effect=effect) for name, section in rule.sections().items()}
    return replace(rule, **changed)  # type: ignore[arg-type]
