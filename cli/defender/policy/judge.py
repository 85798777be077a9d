"""The verdict of a processes section on one program, as the core gives it: for explanations and the
shared cases.

Pure: facts in, judgement out. It resolves no paths and starts nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from defender.policy.matching import lowered, matches
from defender.policy.model import Effect, Processes, Section

DENIED = "explicitlyDeniedProcess"
MINER = "cryptoMinerProcess"


@dataclass(frozen=True, slots=True)
class Facts:
    """A program about to start: real paths of the file and, for a script, of its interpreter."""

    path: str
    argv: tuple[str, ...] = ()
    interpreter: str | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """`attack` is None where nothing is denied; `reason` is a sentence; `by` the entry that denies."""

    attack: str | None
    reason: str
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Miners:
    """What gives a crypto miner away: patterns for base names and for single arguments."""

    names: tuple[str, ...]
    arguments: tuple[str, ...]


def read_miners(text: str) -> Miners:
    """The core's table: lines of `name`, `name-prefix`, `name-suffix` or `argument` and a word."""
    names: list[str] = []
    arguments: list[str] = []
    for line in text.splitlines():
        kind, _, word = line.partition("#")[0].strip().partition(" ")
        if kind == "argument":
            arguments.append(word.strip())
        elif kind:
            names.append({"name-prefix": "{}*", "name-suffix": "*{}"}.get(kind, "{}").format(word.strip()))
    return Miners(tuple(names), tuple(arguments))


def judge(section: Processes, facts: Facts, miners: Miners) -> Judgement:
    """Whether a program may start; of a script both it and its interpreter must pass."""
    if section.effect is Effect.DISABLE:
        return Judgement(None, "processes is disabled")
    files = [facts.path] if facts.interpreter is None else [facts.path, facts.interpreter]
    judgements = [_judge_file(section, file, facts.argv, miners) for file in files]
    return next((found for found in judgements if found.attack is not None), judgements[0])


def verdict(section: Section, judgement: Judgement) -> str:
    """`allow`, or the effect that applies."""
    return "allow" if judgement.attack is None else str(section.effect)


def _judge_file(section: Processes, path: str, argv: Sequence[str], miners: Miners) -> Judgement:
    denied = _first(section.deny, path)
    if denied is not None:
        return Judgement(DENIED, f'{path} is denied by "{denied}"', denied)
    sign = _miner(path, argv, miners) if section.crypto_miners else None
    if sign is not None:
        return Judgement(MINER, f'{path} is taken for a crypto miner by "{sign}"', sign)
    if section.block_all:
        return Judgement(DENIED, f"{path} is denied: block_all denies every process but the main one")
    if not section.allow:
        return Judgement(None, f"{path} may start: nothing denies it")
    allowed = _first(section.allow, path)
    if allowed is None:
        return Judgement(DENIED, f"{path} is denied: it is not on the allow list")
    return Judgement(None, f'{path} may start: "{allowed}" allows it')


def _first(entries: Iterable[str], path: str) -> str | None:
    """The first entry that is for `path`: with a slash compared with all of it, else with its base name."""
    base = path.rpartition("/")[2]
    for entry in entries:
        if matches(entry, path if "/" in entry else base, case_sensitive=True):
            return entry
    return None


def _miner(path: str, argv: Sequence[str], miners: Miners) -> str | None:
    base = lowered(path.rpartition("/")[2])
    for name in miners.names:
        if matches(name, base):
            return name
    for pattern in miners.arguments:
        if any(matches(pattern, argument) for argument in argv):
            return pattern
    return None
