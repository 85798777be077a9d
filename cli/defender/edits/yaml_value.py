"""Other values in the place of scalars in YAML and JSON, and the proof that nothing else changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from defender.edits.splice import Splice
from defender.edits.yaml import Document, Node, Scalar, Sequence, plain
from defender.errors import DetectionError, RewriteRefused


def replace_value(document: Document, scalar: Scalar, text: str) -> Splice | None:
    """The splice that makes a scalar another text, its quotes kept; None where it is not written as it reads."""
    written = document.text[scalar.start : scalar.end]
    if scalar.tag or scalar.block or not scalar.text or written.strip("'\"") != scalar.text:
        return None
    at = scalar.start + written.index(scalar.text)
    start, end = document.byte_offset(at), document.byte_offset(at + len(scalar.text))
    return Splice(start, end, text.encode())


def proof_of_values(
    document: Document, values: Mapping[int, str], reparse: Callable[[bytes, str], Document]
) -> Callable[[bytes], None]:
    """A check that the edited file parses to the document with other texts in it, by the scalars' offsets."""
    expected = _with_values(document.root, values)

    def prove(after: bytes) -> None:
        try:
            found = plain(reparse(after, document.path).root)
        except DetectionError as error:
            found = error
        if found != expected:
            raise RewriteRefused(
                "the value can't be changed without changing what else the file says",
                path=document.path,
                hint="name the function with --handler, and change the setting by hand",
            )

    return prove


def _with_values(node: Node | None, values: Mapping[int, str]) -> Any:
    if node is None:
        return None
    if isinstance(node, Scalar):
        kind, tag, text, is_null = plain(node)
        return (kind, tag, values.get(node.start, text), is_null)
    if isinstance(node, Sequence):
        return ("sequence", node.tag, [_with_values(item, values) for item in node.items])
    entries = [(_with_values(key, values), _with_values(value, values)) for key, value in node.entries]
    return ("mapping", node.tag, entries)
