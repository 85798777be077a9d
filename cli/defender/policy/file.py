"""The policy file, `defender.toml`: read into the model, with the place of every problem.

It never writes; see `writing` for that. What a valid policy does wrongly is `lint`'s matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path

from defender.errors import PolicyError
from defender.policy import values
from defender.policy.model import SECTIONS, Collection, Policy, Rule
from defender.policy.positions import Positions
from defender.policy.problems import Place, Problem, Severity
from defender.policy.reading import (
    FILE,
    as_table,
    read_flag,
    read_list,
    read_table,
    read_text,
    refuse_unknown,
)

FILE_NAME = "defender.toml"
LARGEST = 1024 * 1024  # bytes; a policy of ten thousand rules is smaller
SELECTORS = tuple(field.name for field in fields(Collection))
_RULE_KEYS = ("name", "notes", "disabled", *SELECTORS, "collections", *SECTIONS)
_TOML_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


@dataclass(frozen=True, slots=True)
class Source:
    """A policy as it was read, and where its parts stand."""

    path: str
    policy: Policy
    problems: tuple[Problem, ...]
    positions: Positions

    def placed(self, problem: Problem) -> Problem:
        """The problem with its line and column."""
        at = self.positions.key if problem.on_key else self.positions.value
        line, column = at(self._as_written(problem.place))
        return replace(problem, line=line, column=column)

    def sorted(self, problems: Iterable[Problem]) -> tuple[Problem, ...]:
        """Problems with their places, in the order of the file's lines."""
        placed = [self.placed(problem) for problem in problems]
        return tuple(sorted(placed, key=lambda problem: (problem.line or 0, problem.column or 0)))

    def _as_written(self, place: Place) -> Place:
        """A selector of the only collection may stand in the rule itself."""
        within = place[:3]
        if within[2:] == ("collections",) and within not in self.positions.places():
            return place[:2] + place[4:]
        return place

    def checked(self) -> Policy:
        """The policy, or the first error as PolicyError."""
        errors = [problem for problem in self.problems if problem.severity is Severity.ERROR]
        if errors:
            raise errors[0].error(self.path)
        return self.policy


def load(path: Path) -> Policy:
    """The policy in a file; PolicyError at the first thing wrong, with path, line and column."""
    return read(path).checked()


def find(path: Path | None, folder: Path) -> Path | None:
    """The policy file to use: `path`, else `defender.toml` in `folder` if there is one, else None."""
    if path is not None:
        return path
    usual = folder / FILE_NAME
    return usual if usual.is_file() else None


def read(path: Path) -> Source:
    """A policy file with all its problems; PolicyError if it can't be read or is no TOML."""
    return parse(read_bytes(path), str(path))


def read_bytes(path: Path) -> bytes:
    """The content of a file that has to do with policies, at most `LARGEST` bytes."""
    try:
        with path.open("rb") as stream:
            data = stream.read(LARGEST + 1)
    except OSError as error:
        raise PolicyError(f"cannot read the policy: {error.strerror}", path=path) from error
    if len(data) > LARGEST:
        raise PolicyError(f"the policy is larger than {LARGEST} bytes", path=path)
    return data


def parse(data: bytes, path: str) -> Source:
    """A policy file's bytes with all their problems; PolicyError if they are no TOML."""
    text = decoded(data, path)
    try:
        raw = _toml(text, path)
        positions = Positions(text)
    except RecursionError:
        raise PolicyError("the file is nested too deeply", path=path) from None
    reader = _Reader()
    policy = reader.policy(raw)
    source = Source(path, policy, (), positions)
    return replace(source, problems=source.sorted(reader.problems))


def decoded(data: bytes, path: str) -> str:
    """UTF-8 text, a byte order mark at its start left out."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise PolicyError("the file is not UTF-8", path=path, line=line) from None


def _toml(text: str, path: str) -> dict[str, object]:
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        place = _TOML_PLACE.search(message)
        line, column = text.rstrip().count("\n") + 1, None
        if place and place[1]:
            line, column = int(place[1]), int(place[2])
        message = _TOML_PLACE.sub("", message)
        raise PolicyError(f"no valid TOML: {message}", path=path, line=line, column=column) from None


class _Reader:
    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def report(self, place: Place, message: str, *, hint: str | None = None, on_key: bool = False) -> None:
        self.problems.append(Problem(Severity.ERROR, message, place, hint, on_key))

    def policy(self, raw: dict[str, object]) -> Policy:
        refuse_unknown(raw, ("rule",), (), self.report)
        rules = raw.get("rule", [])
        if not isinstance(rules, list):
            self.report(("rule",), "rules are written [[rule]], with two brackets", on_key=True)
            return Policy()
        return Policy(tuple(self.rule(rule, ("rule", index)) for index, rule in enumerate(rules)))

    def rule(self, raw: object, place: Place) -> Rule:
        table = as_table(raw, place, self.report) or {}
        refuse_unknown(table, _RULE_KEYS, place, self.report)
        found = Rule(
            name=self.name(table, place),
            notes=self.notes(table, place),
            disabled=read_flag(table.get("disabled", False), (*place, "disabled"), self.report),
            collections=self.collections(table, place),
        )
        types = {field.name: field.metadata["table"] for field in fields(Rule)}
        sections = {
            name: read_table(types[name], table[name], (*place, name), FILE, self.report)
            for name in SECTIONS
            if name in table
        }
        rule = replace(found, **sections)
        if rule.processes.block_all and rule.processes.allow:
            message = "block_all denies every process, so allow can't have entries"
            hint = "take out one of the two"
            self.report((*place, "processes", "allow"), message, hint=hint, on_key=True)
        return rule

    def name(self, table: object, place: Place) -> str:
        raw = table.get("name") if isinstance(table, dict) else None
        if raw is None or raw == "":
            self.report(place, "name is missing: audits carry the rule's name", on_key=True)
            return ""
        return read_text(raw, (*place, "name"), self.report)

    def notes(self, table: object, place: Place) -> str:
        raw = table.get("notes", "") if isinstance(table, dict) else ""
        if isinstance(raw, str):
            return raw
        return read_text(raw, (*place, "notes"), self.report)

    def collections(self, table: object, place: Place) -> tuple[Collection, ...]:
        """The collection written in the rule itself, or those below `collections`."""
        if not isinstance(table, dict) or "collections" not in table:
            return (self.collection(table, place),)
        for selector in SELECTORS:
            if selector in table:
                message = f"{selector} stands beside collections: write it into each of them"
                self.report((*place, selector), message, on_key=True)
        raw = table["collections"]
        if not isinstance(raw, list) or not raw:
            message = "collections are written [[rule.collections]], one or more of them"
            self.report((*place, "collections"), message, on_key=True)
            return (Collection(),)
        return tuple(self.listed(item, (*place, "collections", i)) for i, item in enumerate(raw))

    def listed(self, raw: object, place: Place) -> Collection:
        table = as_table(raw, place, self.report)
        refuse_unknown(table, SELECTORS, place, self.report)
        return self.collection(table, place)

    def collection(self, table: object, place: Place) -> Collection:
        found: dict[str, tuple[str, ...]] = {}
        for selector in SELECTORS:
            if isinstance(table, dict) and selector in table:
                found[selector] = self.selector(table[selector], (*place, selector))
        return Collection(**found)

    def selector(self, raw: object, place: Place) -> tuple[str, ...]:
        if raw == []:
            hint = 'leave the key out, or write ["*"], for all'
            self.report(place, f"{place[-1]} is empty, so nothing would match", hint=hint)
        return read_list(raw, values.pattern, place, self.report)
