"""What differs between two policies or two TW_POLICY strings, setting by setting.

It compares meaning, not text: order of keys, comments and spelling of addresses do not count; the
order of rules does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from defender.policy.inputs import Given, alike
from defender.policy.model import Policy, Rule


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting: `kind` is added, removed or changed; values are words for people."""

    kind: str
    setting: str
    before: str | None
    after: str | None

    def text(self) -> str:
        """One line, starting with +, - or ~."""
        if self.kind == "added":
            return f"+ {self.setting}: {self.after}" if self.after else f"+ {self.setting}"
        if self.kind == "removed":
            return f"- {self.setting}: {self.before}" if self.before else f"- {self.setting}"
        return f"~ {self.setting}: {self.before} -> {self.after}"


def diff(before: Given, after: Given) -> tuple[Difference, ...]:
    """What differs between any two inputs; PolicyError if they can't be compared."""
    one, other = alike(before, after)
    if isinstance(one, Policy) and isinstance(other, Policy):
        return diff_policies(one, other)
    return tuple(_fields("", one, other))


def diff_policies(before: Policy, after: Policy) -> tuple[Difference, ...]:
    """Rules added, removed, moved and changed; rules belong together by name."""
    return tuple(_policies(before, after))


def _policies(before: Policy, after: Policy) -> Iterator[Difference]:
    old, new = _named(before), _named(after)
    for name in old:
        if name not in new:
            yield Difference("removed", f"rule {name}", None, None)
    for name in new:
        if name not in old:
            yield Difference("added", f"rule {name}", None, None)
    kept_before = [name for name in old if name in new]
    kept_after = [name for name in new if name in old]
    if kept_before != kept_after:
        yield Difference("changed", "order of rules", ", ".join(kept_before), ", ".join(kept_after))
    for name in kept_before:
        yield from _fields(f"rule {name}: ", old[name], new[name])


def _named(policy: Policy) -> dict[str, object]:
    """Rules by quoted name; a name that occurs again gets a number."""
    found: dict[str, object] = {}
    for rule in policy.rules:
        name, count = f'"{rule.name}"', 1
        while name in found:
            count += 1
            name = f'"{rule.name}" ({count})'
        found[name] = rule
    return found


def _fields(prefix: str, before: Any, after: Any) -> Iterator[Difference]:
    for field in fields(before):
        name = f"{prefix}{field.name}"
        yield from _values(name, getattr(before, field.name), getattr(after, field.name))


def _values(name: str, before: Any, after: Any) -> Iterator[Difference]:
    if before == after:
        return
    if before is None or after is None:
        kind = "added" if before is None else "removed"
        yield Difference(kind, name, _shown(before), _shown(after))
    elif is_dataclass(before):
        yield from _fields(f"{name}.", before, after)
    elif isinstance(before, tuple) and name.endswith("collections"):
        yield from _collections(name, before, after)
    elif isinstance(before, tuple):
        yield from _entries(name, before, after)
    else:
        yield Difference("changed", name, _shown(before), _shown(after))


def _collections(name: str, before: Any, after: Any) -> Iterator[Difference]:
    if len(before) == len(after) == 1:
        yield from _fields(f"{name.removesuffix('collections')}", before[0], after[0])
        return
    for index in range(max(len(before), len(after))):
        one, other = (items[index] if index < len(items) else None for items in (before, after))
        yield from _values(f"{name}[{index}]", one, other)


def _entries(name: str, before: Any, after: Any) -> Iterator[Difference]:
    removed = [item for item in before if item not in after]
    added = [item for item in after if item not in before]
    for item in removed:
        yield Difference("removed", name, _shown(item), None)
    for item in added:
        yield Difference("added", name, None, _shown(item))
    if not removed and not added:
        yield Difference("changed", f"order of {name}", _shown(before), _shown(after))


def _shown(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Rule):
        return f'"{value.name}"'
    if is_dataclass(value) and not isinstance(value, type):
        parts = ((field.name, getattr(value, field.name)) for field in fields(value))
        return ", ".join(f"{name} {_shown(item)}" for name, item in parts if item not in (None, ()))
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return ", ".join(str(_shown(item)) for item in value)
    return str(value)
