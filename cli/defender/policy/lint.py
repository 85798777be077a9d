"""What a valid policy does that its author hardly meant: `defender policy check`.

Rules against each other, and what they select; what lies within a section is `lint_section`'s
matter. It reads no file and never changes a policy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from defender.policy.covering import collection_covers, covers, disjoint
from defender.policy.file import SELECTORS, Source
from defender.policy.lint_section import lint_sections
from defender.policy.matching import negatives, positives, split
from defender.policy.model import Policy, Rule
from defender.policy.problems import Place, Problem, Severity

# Letters, digits, hyphen and underscore: all that names of Lambda and Azure functions can have.
_NAME = re.compile(r"[A-Za-z0-9_-]*")


def check(source: Source) -> tuple[Problem, ...]:
    """Everything wrong or doubtful in a policy file, in the order of its lines."""
    if any(problem.severity is Severity.ERROR for problem in source.problems):
        return source.problems
    return source.sorted(lint(source.policy))


def lint(policy: Policy) -> Iterator[Problem]:
    """Everything doubtful in a policy; problems carry places, not lines."""
    if not policy.rules:
        yield _warning((), "the policy has no rules: nothing is enforced")
    for index, rule in enumerate(policy.rules):
        place: Place = ("rule", index)
        yield from _same_name(policy.rules[:index], rule, place)
        if not rule.disabled:
            yield from _shadowed(policy.rules[:index], rule, place)
        yield from _selectors(rule, place)
        if not rule.sections():
            message = f'rule "{rule.name}" enforces nothing, and what it matches is looked at no further'
            yield _warning(place, message, on_key=True)
        yield from lint_sections(rule, place)


def _same_name(earlier: Sequence[Rule], rule: Rule, place: Place) -> Iterator[Problem]:
    if any(other.name == rule.name for other in earlier):
        message = f'another rule is named "{rule.name}" too: audits will not tell them apart'
        yield _warning((*place, "name"), message)


def _shadowed(earlier: Sequence[Rule], rule: Rule, place: Place) -> Iterator[Problem]:
    """A rule all of whose collections lie within those of enabled rules before it."""
    before = [(other, wide) for other in earlier if not other.disabled for wide in other.collections]
    hiding: list[str] = []
    for narrow in rule.collections:
        found = next((other for other, wide in before if collection_covers(wide, narrow)), None)
        if found is None:
            return
        hiding.append(f'"{found.name}"')
    names = " and ".join(dict.fromkeys(hiding))
    message = f'rule "{rule.name}" never applies: all that it matches is matched by {names} before it'
    yield _warning(place, message, hint="move it up", on_key=True)


def _selectors(rule: Rule, place: Place) -> Iterator[Problem]:
    for number, collection in enumerate(rule.collections):
        for selector in SELECTORS:
            at = (*place, "collections", number, selector)
            entries = getattr(collection, selector)
            yield from _entries(entries, selector, at)
            yield from _vetoes(entries, selector, at)


def _entries(entries: Sequence[str], selector: str, place: Place) -> Iterator[Problem]:
    for index, entry in enumerate(entries):
        at = (*place, index)
        twin = next((other for other in entries[:index] if other.lower() == entry.lower()), None)
        if twin is not None:
            yield _warning(at, f'{selector}: "{entry}" is there twice')
            continue
        core = split(entry.removeprefix("-"))[1]
        if "*" in core:
            message = f'{selector}: "{entry}" can\'t match: * is a wildcard only at the start and the end'
            yield _warning(at, message)
        elif selector == "functions" and not _NAME.fullmatch(core):
            hint = "write the name alone" if ":" in core or "/" in core else None
            message = f'{selector}: "{entry}" can\'t match: names have letters, digits, - and _'
            yield _warning(at, message, hint=hint)
        else:
            yield from _redundant(entries, index, selector, at)


def _redundant(entries: Sequence[str], index: int, selector: str, place: Place) -> Iterator[Problem]:
    """An entry that a wider one of the same sign makes superfluous."""
    entry = entries[index]
    for number, other in enumerate(entries):
        same_sign = other.startswith("-") == entry.startswith("-")
        if number == index or not same_sign or other.lower() == entry.lower():
            continue
        if covers(other.removeprefix("-"), entry.removeprefix("-")):
            yield _warning(place, f'{selector}: "{entry}" does nothing: "{other}" covers it')
            return


def _vetoes(entries: Sequence[str], selector: str, place: Place) -> Iterator[Problem]:
    for index, entry in enumerate(entries):
        at = (*place, index)
        if entry.startswith("-"):
            if all(disjoint(entry[1:], other) for other in positives(entries)):
                message = f'{selector}: "{entry}" does nothing: no other entry matches what it leaves out'
                yield _warning(at, message)
            continue
        veto = next((other for other in negatives(entries) if covers(other, entry)), None)
        if veto is not None:
            yield _warning(at, f'{selector}: "{entry}" can\'t match: "-{veto}" leaves it out')


def _warning(place: Place, message: str, *, hint: str | None = None, on_key: bool = False) -> Problem:
    return Problem(Severity.WARNING, message, place, hint, on_key)
