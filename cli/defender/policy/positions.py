"""Where each key and value of a TOML text stands, which tomllib does not tell.

It only finds places, in a text that tomllib has already accepted; it validates nothing and reads
no values but keys.
"""

from __future__ import annotations

import re
from bisect import bisect_right

from defender.policy.problems import Place

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r"\"(?:\\.|[^\"\\])*\"|'[^']*'|[A-Za-z0-9_-]+")
_DOT = re.compile(r"[ \t]*\.[ \t]*")
_STRING = re.compile(r"\"\"\"(?:\\.|[^\\])*?\"{3,5}|'''.*?'{3,5}|\"(?:\\.|[^\"\\])*\"|'[^']*'", re.DOTALL)
_SCALAR = re.compile(r"[^,\]}#\r\n]+")


class Positions:
    """Line and column, from 1, of every key and of every value in one text."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._keys: dict[Place, int] = {}
        self._values: dict[Place, int] = {}
        _Scan(text, self._keys, self._values).document()

    def key(self, place: Place) -> tuple[int, int]:
        """Where the key stands; for a list entry where the entry stands."""
        return self._at(self._keys, place)

    def value(self, place: Place) -> tuple[int, int]:
        """Where the value stands; for a table where its header or its key stands."""
        return self._at(self._values, place)

    def places(self) -> frozenset[Place]:
        """All places that are known."""
        return frozenset(self._keys)

    def _at(self, offsets: dict[Place, int], place: Place) -> tuple[int, int]:
        while place and place not in offsets:
            place = place[:-1]
        offset = offsets.get(place, 0)
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1


class _Scan:
    def __init__(self, text: str, keys: dict[Place, int], values: dict[Place, int]) -> None:
        self.text, self.keys, self.values = text, keys, values
        self.at = 0
        self.counts: dict[Place, int] = {}

    def document(self) -> None:
        """Go through the text, line by line where tables and pairs are concerned."""
        table: Place = ()
        self.blank()
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self.header()
            else:
                self.pair(table)
            self.blank()

    def blank(self) -> None:
        found = _BLANK.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def header(self) -> Place:
        """`[a.b]` or `[[a.b]]`; gives the place of the table that it opens."""
        start = self.at
        double = self.text.startswith("[[", start)
        self.at += 2 if double else 1
        self.blank()
        parts = [part for part, _ in self.key_parts()]
        self.blank()
        self.at += 2 if double else 1
        return self.opened(parts, start, double=double)

    def opened(self, parts: list[str], start: int, *, double: bool) -> Place:
        place: Place = ()
        for index, part in enumerate(parts):
            place = self.note((*place, part), start, start)
            last = index == len(parts) - 1
            if last and double:
                self.counts[place] = self.counts.get(place, 0) + 1
            if place in self.counts:
                place = self.note((*place, self.counts[place] - 1), start, start)
        return place

    def note(self, place: Place, key: int, value: int) -> Place:
        """Keep the first place that a key was seen at."""
        self.keys.setdefault(place, key)
        self.values.setdefault(place, value)
        return place

    def key_parts(self) -> list[tuple[str, int]]:
        parts: list[tuple[str, int]] = []
        while found := _KEY.match(self.text, self.at):
            parts.append((_unquoted(found[0]), found.start()))
            dot = _DOT.match(self.text, found.end())
            self.at = dot.end() if dot else found.end()
            if dot is None:
                break
        return parts

    def pair(self, table: Place) -> None:
        """`a.b = value`."""
        place = table
        parts = self.key_parts()
        for part, start in parts[:-1]:
            place = self.note((*place, part), start, start)
        self.blank()
        self.at += 1
        self.blank()
        name, start = parts[-1]
        self.value(self.note((*place, name), start, self.at))

    def value(self, place: Place) -> None:
        first = self.text[self.at]
        if first == "[":
            self.array(place)
        elif first == "{":
            self.inline(place)
        else:
            found = _STRING.match(self.text, self.at) or _SCALAR.match(self.text, self.at)
            self.at = found.end() if found else len(self.text)

    def array(self, place: Place) -> None:
        self.at += 1
        index = 0
        while self.more("]"):
            self.value(self.note((*place, index), self.at, self.at))
            index += 1

    def inline(self, place: Place) -> None:
        self.at += 1
        while self.more("}"):
            self.pair(place)

    def more(self, end: str) -> bool:
        """Step over blanks and a comma; whether another entry comes before `end`."""
        self.blank()
        if self.text.startswith(",", self.at):
            self.at += 1
            self.blank()
        if self.text.startswith(end, self.at):
            self.at += 1
            return False
        return self.at < len(self.text)


def _unquoted(key: str) -> str:
    if key[0] not in "\"'":
        return key
    import tomllib

    found: str = tomllib.loads(f"key = {key}")["key"]
    return found
