"""The verdict of a filesystem section on a path, as the core gives it.

Pure: facts in, judgement out. It touches no file and follows no link: paths are real ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from defender.policy.covering import path_covers
from defender.policy.judge import Judgement
from defender.policy.model import Effect, Filesystem

DENIED = "regFileAccess"
# Of the process's own files in /proc those that hold secrets, or reach into any memory.
_OWN, _PRIVATE = "/proc/self", ("environ", "mem")


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A file about to be opened, made, changed or taken away; of this process's own: /proc/self/...

    `unexamined`: this is a name alone, and another file may be meant. `with_all_below`: the call also
    reaches what lies below, as the renaming of a folder does.
    """

    path: str
    reads_only: bool = False
    unexamined: bool = False
    with_all_below: bool = False


def judge_file(section: Filesystem, facts: FileFacts, readable: Sequence[str] = ()) -> Judgement:
    """Whether a file may be used; of what is `readable`, reading needs no entry that allows it."""
    if section.effect is Effect.DISABLE:
        return Judgement(None, "filesystem is disabled")
    implicit = _implicit(facts, readable)
    return _denial(section, facts, implicit) or _passed(section, facts.path, implicit)


def _denial(section: Filesystem, facts: FileFacts, implicit: str | None) -> Judgement | None:
    path = facts.path
    denied = _denying(section.deny, facts, implicit)
    if denied is not None:
        return Judgement(DENIED, f'{path} is denied by "{denied}"', denied)
    if section.allow and implicit is None and _first(section.allow, path) is None:
        return Judgement(DENIED, f"{path} is denied: it is not on the allow list")
    if facts.unexamined and (section.allow or section.deny):
        return Judgement(DENIED, f"{path} is denied: it could not be compared with the lists")
    return None


def _passed(section: Filesystem, path: str, implicit: str | None) -> Judgement:
    allowed = _first(section.allow, path)
    if allowed is None and implicit is not None:
        return Judgement(None, f"{path} may be read by every function")
    why = "nothing denies it" if allowed is None else f'"{allowed}" allows it'
    return Judgement(None, f"{path} may be used: {why}")


def _implicit(facts: FileFacts, readable: Iterable[str]) -> str | None:
    """The highest of the readable paths that makes this an implicit read."""
    path = facts.path
    private = path_covers(_OWN, path) and path.rpartition("/")[2] in _PRIVATE
    if private or not facts.reads_only:
        return None
    return min((entry for entry in readable if path_covers(entry, path)), key=len, default=None)


def _denying(deny: Iterable[str], facts: FileFacts, implicit: str | None) -> str | None:
    """Implicit reads are denied by what they themselves are named in, not by a folder around it."""
    for entry in deny:
        if path_covers(entry, facts.path) and (implicit is None or path_covers(implicit, entry)):
            return entry
        if facts.with_all_below and path_covers(facts.path, entry):
            return entry
    return None


def _first(entries: Iterable[str], path: str) -> str | None:
    return next((entry for entry in entries if path_covers(entry, path)), None)
