"""File name patterns with `*`, `**`, `?` and sets, matched in time linear in pattern and name.

One compiled form serves git's, Docker's and the Serverless Framework's dialects; their differences lie in
how patterns are read, which is the callers' part. Hostile patterns can't make it slow, as regular
expressions would be.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import dataclass

_PRINTABLE = frozenset(string.ascii_letters + string.digits + string.punctuation)
_CLASSES: dict[str, frozenset[str]] = {
    "alnum": frozenset(string.ascii_letters + string.digits),
    "alpha": frozenset(string.ascii_letters),
    "blank": frozenset(" \t"),
    "cntrl": frozenset(map(chr, [*range(32), 127])),
    "digit": frozenset(string.digits),
    "graph": _PRINTABLE,
    "lower": frozenset(string.ascii_lowercase),
    "print": _PRINTABLE | {" "},
    "punct": frozenset(string.punctuation),
    "space": frozenset(string.whitespace),
    "upper": frozenset(string.ascii_uppercase),
    "xdigit": frozenset(string.hexdigits),
}


@dataclass(frozen=True, slots=True)
class _Char:
    """One character that fits."""

    fits: Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class _Run:
    """Any number of characters; `across` folders or not; `whole` means none or whole folders with a slash."""

    across: bool
    whole: bool = False


class Pattern:
    """A compiled pattern; `valid` is False for one with an unclosed set, which matches nothing.

    `prefix` is how many characters are compared before wildcards are looked at: after them `**` counts as
    if the pattern began there.
    """

    def __init__(self, text: str, prefix: int = 0) -> None:
        self.prefix = prefix
        self.tokens: list[_Char | _Run] = []
        self.valid = True
        at = 0
        while at < len(text) and self.valid:
            at = self._token(text, at)

    def _token(self, text: str, at: int) -> int:
        char = text[at]
        if char == "*":
            return self._stars(text, at)
        if char == "?":
            self.tokens.append(_Char(lambda found: found != "/"))
            return at + 1
        if char == "[":
            return self._set(text, at)
        if char == "\\":
            at += 1
            self.valid = at < len(text)
            char = text[at : at + 1]
        self.tokens.append(_Char(lambda found, char=char: found == char))  # type: ignore[misc]
        return at + 1

    def _stars(self, text: str, at: int) -> int:
        end = at
        while text[end : end + 1] == "*":
            end += 1
        starts = at in (0, self.prefix) or text[at - 1] == "/"
        if end - at > 1 and starts and text[end : end + 1] == "/":
            self.tokens.append(_Run(across=True, whole=True))
            return end + 1
        ends = end == len(text) or text.startswith("\\/", end)
        self.tokens.append(_Run(across=end - at > 1 and starts and ends))
        return end

    def _set(self, text: str, at: int) -> int:
        """A bracket expression; a slash is never in one."""
        at += 1
        negated = text[at : at + 1] in ("!", "^")
        at += negated
        tests: list[Callable[[str], bool]] = []
        first = True
        while first or text[at : at + 1] != "]":
            if at >= len(text):
                self.valid = False
                return at
            at = self._member(text, at, tests)
            first = False
        self.tokens.append(_Char(lambda char: char != "/" and any(test(char) for test in tests) != negated))
        return at + 1

    def _member(self, text: str, at: int, tests: list[Callable[[str], bool]]) -> int:
        if text.startswith("[:", at) and (end := text.find(":]", at)) > 0:
            named = _CLASSES.get(text[at + 2 : end])
            self.valid = self.valid and named is not None
            tests.append((named or frozenset()).__contains__)
            return end + 2
        low, at = _literal(text, at)
        if text[at : at + 1] == "-" and text[at + 1 : at + 2] not in ("]", ""):
            high, at = _literal(text, at + 1)
            tests.append(lambda char: char == low or low <= char <= high)
        else:
            tests.append(lambda char: char == low)
        return at

    def matches(self, name: str) -> bool:
        """Whether the whole name fits."""
        if not self.valid:
            return False
        reached = {0}
        for token in self.tokens:
            if isinstance(token, _Char):
                reached = {at + 1 for at in reached if at < len(name) and token.fits(name[at])}
            else:
                reached = _after_run(name, reached, token)
            if not reached:
                return False
        return len(name) in reached


def _after_run(name: str, reached: set[int], run: _Run) -> set[int]:
    if run.across:
        rest = range(min(reached), len(name) + 1)
        return reached | {at for at in rest if not run.whole or name[at - 1 : at] == "/"}
    found: set[int] = set()
    for start in reached:
        end = name.find("/", start)
        found.update(range(start, (len(name) if end < 0 else end) + 1))
    return found


def _literal(text: str, at: int) -> tuple[str, int]:
    if text[at] == "\\" and at + 1 < len(text):
        return text[at + 1], at + 2
    return text[at], at + 1
