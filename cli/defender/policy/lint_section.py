"""What is doubtful within the sections of one rule: settings that do nothing, entries that can't
match.

It looks at one rule alone; `lint` compares rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

from defender.policy.covering import COVERS, WHOLE
from defender.policy.matching import split
from defender.policy.model import SECTIONS, Dns, Effect, Kind, Network, Processes, Rule, Section
from defender.policy.problems import Place, Problem, Severity

# Links in the images of AWS Lambda and of every Debian since 2021; entries meet real paths.
_LINKED = ("/bin/", "/sbin/", "/lib/", "/lib64/")
# What every function may reach and ask for; a list that denies it does nothing.
_OWN_ADDRESSES = ("127.0.0.0/8", "::1", "0.0.0.0/32", "::")
_OWN_NAMES = ("localhost", "*.localhost")


def lint_sections(rule: Rule, place: Place) -> Iterator[Problem]:
    """Everything doubtful in the sections of `rule`."""
    for name in SECTIONS:
        section = getattr(rule, name)
        at = (*place, name)
        settings = list(_settings(section, at))
        if section.effect is Effect.DISABLE:
            if settings:
                yield _warning(at, f"{name} is disabled, so its settings do nothing", on_key=True)
            continue
        if not settings and not (name == "network" and rule.limits_addresses()):
            yield _warning(at, f"{name} denies nothing: it has an effect and no other setting", on_key=True)
        yield from _lists(rule, section, at)
        yield from _own(rule, section, at)


def _own(rule: Rule, section: Section, place: Place) -> Iterator[Problem]:
    """What is doubtful in one kind of section alone."""
    if isinstance(section, Processes):
        yield from _processes(section, place)
    elif isinstance(section, Network):
        at = (*place, "outbound", "deny_ips")
        yield from _always(section.outbound.deny_ips, _OWN_ADDRESSES, Kind.ADDRESSES, at)
    elif isinstance(section, Dns):
        yield from _names(rule, section, place)


def _names(rule: Rule, section: Dns, place: Place) -> Iterator[Problem]:
    yield from _always(section.deny, _OWN_NAMES, Kind.NAMES, (*place, "deny"))
    if _is_trial(rule):
        message = (
            "while dns is on alert, network does not count this list; otherwise it denies addresses too"
            " that were not returned for an allowed name"
        )
        yield Problem(Severity.NOTE, message, (*place, "allow"), on_key=True)


def _is_trial(rule: Rule) -> bool:
    """Whether network will deny more as soon as dns is no longer on alert."""
    stops = rule.network.effect in (Effect.PREVENT, Effect.BLOCK)
    more = bool(rule.dns.allow) and not rule.network.outbound.allow_ips
    return stops and more and rule.dns.effect is Effect.ALERT


def _settings(section: Any, place: Place) -> Iterator[Place]:
    """The places of all settings but the effect that are not empty or false."""
    for field in fields(section):
        value = getattr(section, field.name)
        if field.metadata["kind"] is Kind.TABLE:
            yield from _settings(value, (*place, field.name))
        elif value and field.metadata["kind"] is not Kind.EFFECT:
            yield (*place, field.name)


def _lists(rule: Rule, section: Any, place: Place) -> Iterator[Problem]:
    for field in fields(section):
        kind, value, at = field.metadata["kind"], getattr(section, field.name), (*place, field.name)
        if kind is Kind.TABLE:
            yield from _lists(rule, value, at)
        elif kind in COVERS:
            denied = getattr(section, field.name.replace("allow", "deny"))
            yield from _entries(value, kind, at)
            if field.name.startswith("allow"):
                yield from _denied(value, denied, kind, at)
                yield from _whole(rule, value, kind, at)


def _entries(entries: Sequence[Any], kind: Kind, place: Place) -> Iterator[Problem]:
    """Duplicates, entries that another covers, wildcards where they are none."""
    for index, entry in enumerate(entries):
        at, name = (*place, index), place[-1]
        if entry in entries[:index]:
            yield _warning(at, f'{name}: "{entry}" is there twice')
            continue
        wider = next((other for other in entries if other != entry and COVERS[kind](other, entry)), None)
        if wider is not None:
            yield _warning(at, f'{name}: "{entry}" does nothing: "{wider}" covers it')
        if kind is Kind.PATHS and "*" in entry:
            message = f'{name}: in "{entry}" * is a plain character: a path covers all below it'
            yield _warning(at, message)
        elif isinstance(entry, str) and "*" in split(entry)[1]:
            message = f'{name}: in "{entry}" only a * at the start or the end is a wildcard'
            yield _warning(at, message)


def _denied(entries: Sequence[Any], denied: Sequence[Any], kind: Kind, place: Place) -> Iterator[Problem]:
    for index, entry in enumerate(entries):
        wider = next((other for other in denied if COVERS[kind](other, entry)), None)
        if wider is not None:
            message = f'{place[-1]}: "{entry}" does nothing: "{wider}" is denied, which comes first'
            yield _warning((*place, index), message)


def _whole(rule: Rule, entries: Sequence[Any], kind: Kind, place: Place) -> Iterator[Problem]:
    whole = WHOLE[kind]
    if not all(any(COVERS[kind](entry, part) for entry in entries) for part in whole):
        return
    effect = "as if it were left out"
    if rule.limits_addresses():
        if kind is Kind.NAMES:
            return  # It denies addresses that no name led to.
        if kind is Kind.ADDRESSES:
            effect = "so the allow list of dns limits no addresses"
    yield _warning(place, f"{place[-1]} allows everything, {effect}", on_key=True)


def _always(entries: Sequence[str], own: Sequence[str], kind: Kind, place: Place) -> Iterator[Problem]:
    """Denied entries that nothing but what is always allowed can match."""
    for index, entry in enumerate(entries):
        if any(COVERS[kind](wide, entry) for wide in own):
            message = f'{place[-1]}: "{entry}" does nothing: it is allowed at all times'
            yield _warning((*place, index), message)


def _processes(section: Processes, place: Place) -> Iterator[Problem]:
    if section.allow:
        message = (
            "a static program, or one of another architecture, that is allowed runs unjudged:"
            " what it starts is not checked"
        )
        yield _warning((*place, "allow"), message, on_key=True)
    if section.block_all and section.deny:
        message = "deny does nothing beside block_all, which denies every process"
        yield _warning((*place, "deny"), message, on_key=True)
    for name in ("allow", "deny"):
        for index, entry in enumerate(getattr(section, name)):
            yield from _program(entry, (*place, name, index))


def _program(entry: str, place: Place) -> Iterator[Problem]:
    """An entry that no real path or base name can be like."""
    name = place[-2]
    if entry.endswith("/"):
        message = f'{name}: "{entry}" can\'t match: it ends with a slash'
        yield _warning(place, message, hint=f'for all below write "{entry}*"')
    elif "/" in entry and not entry.startswith(("/", "*")):
        message = f'{name}: "{entry}" can\'t match: with a slash in it, the whole path is compared'
        yield _warning(place, message, hint="write the path from / on, or the base name alone")
    elif any(part in ("", ".", "..") for part in entry.split("/")[1:-1]) or "//" in entry:
        message = f'{name}: "{entry}" can\'t match: real paths have no //, /./ or /../'
        yield _warning(place, message)
    elif entry.startswith(_LINKED):
        message = f'{name}: "{entry}" can\'t match where {entry[: entry.index("/", 1)]} is a link to /usr'
        yield _warning(place, message, hint=f'for AWS Lambda write "/usr{entry}"')
    elif " " in entry:
        message = f'{name}: "{entry}" has a space: programs are compared without their arguments'
        yield _warning(place, message)


def _warning(place: Place, message: str, *, hint: str | None = None, on_key: bool = False) -> Problem:
    return Problem(Severity.WARNING, message, place, hint, on_key)
