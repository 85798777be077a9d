"""JSON templates as the same trees that YAML gives; for reading only.

Synthesised templates reach a megabyte, where a YAML parser in Python takes seconds. Lines are found
by looking the texts up in the file's own order.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from typing import Any

from defender.edits.yaml import Document, Mapping, Node, Scalar, Sequence
from defender.errors import DetectionError

_MAX_DEPTH = 100


class _Pairs(list[tuple[str, Any]]):
    """An object's members in order, doubled keys included."""


class _Bare(str):
    """A number, as written."""

    __slots__ = ()


def parse_json(data: bytes, path: str) -> Document:
    """The document in `data`; its nodes have lines but no offsets.

    Raises DetectionError with the line when it is no JSON in UTF-8.
    """
    try:
        text = data.decode("utf-8-sig")
        value = json.loads(text, object_pairs_hook=_Pairs, parse_int=_Bare, parse_float=_Bare)
    except json.JSONDecodeError as error:
        message = f"invalid JSON: {error.msg}"
        raise DetectionError(message, path=path, line=error.lineno, column=error.colno) from error
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DetectionError("the file is not UTF-8", path=path, line=line) from error
    except RecursionError as error:
        raise DetectionError("invalid JSON: nested too deeply", path=path) from error
    return Document(path, data, text, _Converter(text, path).node(value, 0), frozenset())


class _Converter:
    """Converts values in the file's order, so that each text is looked up after the one before it."""

    def __init__(self, text: str, path: str) -> None:
        self.text = text
        self.path = path
        self.at = 0
        self.newlines = [at for at, char in enumerate(text) if char == "\n"]

    def node(self, value: Any, depth: int) -> Node:
        if depth > _MAX_DEPTH:
            raise DetectionError("invalid JSON: nested too deeply", path=self.path)
        line = bisect_right(self.newlines, self.at) + 1
        if isinstance(value, _Pairs):
            entries = tuple((self._text(key), self.node(member, depth + 1)) for key, member in value)
            return Mapping(entries, 0, 0, line, flow=True)
        if isinstance(value, list):
            items = tuple(self.node(item, depth + 1) for item in value)
            return Sequence(items, 0, 0, line, flow=True)
        if isinstance(value, str) and not isinstance(value, _Bare):
            return self._text(value)
        bare = "null" if value is None else str(value).lower() if value in (True, False) else value
        return Scalar(str(bare), 0, 0, line)

    def _text(self, text: str) -> Scalar:
        found = self.text.find(f'"{text}"', self.at)
        if found >= 0:
            self.at = found + 1
        return Scalar(text, 0, 0, bisect_right(self.newlines, self.at) + 1, quoted=True)
