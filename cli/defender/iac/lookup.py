"""Reading values out of a parsed document: merge keys, doubled keys, literals.

Knows YAML's own meaning only; intrinsic functions and variables belong to the formats' modules.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from defender.edits.yaml import Mapping, Node, Scalar, Sequence
from defender.errors import DetectionError

_MAX_MERGES = 20

BLANK = "\ue000"
"""Stands for each character of a project generator's placeholder (see `iac/generator.py`)."""


@dataclass(frozen=True, slots=True)
class Value:
    """A text with the assumptions that it rests on; `text` is None when the file does not tell it."""

    text: str | None = None
    assumed: tuple[str, ...] = ()
    reason: str | None = None

    @property
    def literal(self) -> str | None:
        """The text, if it rests on no assumption."""
        return None if self.assumed else self.text


def entries(node: Node | None, depth: int = 0) -> Iterator[tuple[Scalar, Node]]:
    """A mapping's entries, those of merge keys last; nothing for other nodes."""
    if not isinstance(node, Mapping) or depth > _MAX_MERGES:
        return
    own = []
    merged: list[Node] = []
    for key, value in node.scalars():
        if key.text == "<<" and not key.quoted:
            merged += value.items if isinstance(value, Sequence) else (value,)
        else:
            own.append(key.text)
            yield key, value
    for source in merged:
        yield from (entry for entry in entries(source, depth + 1) if entry[0].text not in own)


def get(node: Node | None, key: str, path: str) -> Node | None:
    """The value of `key`, or None where it is missing or empty.

    Raises DetectionError when the mapping itself has the key twice: parsers differ in which one
    wins.
    """
    if isinstance(node, Mapping):
        own = [found for found, _ in node.scalars() if found.text == key]
        if len(own) > 1:
            raise DetectionError(f"the key {key} is given twice", path=path, line=own[1].line)
    for found, value in entries(node):
        if found.text == key:
            return None if isinstance(value, Scalar) and value.is_null else value
    return None


def walk(node: Node | None, path: str, *keys: str) -> Node | None:
    """`get` along several keys."""
    for key in keys:
        node = get(node, key, path)
    return node


def literal(node: Node | None) -> str | None:
    """The text of an untagged scalar without a generator's placeholder."""
    if isinstance(node, Scalar) and not node.tag and not node.is_null and BLANK not in node.text:
        return node.text
    return None


def is_true(node: Node | None) -> bool:
    """Whether a scalar is YAML's true."""
    return isinstance(node, Scalar) and not node.quoted and node.text.lower() == "true"


def items(node: Node | None) -> tuple[Node, ...]:
    """A sequence's items; nothing for other nodes."""
    return node.items if isinstance(node, Sequence) else ()
