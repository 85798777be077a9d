"""Insertions into YAML: items at a list's end, a list as a mapping's new entry, and the proof of both.

Follows the file's indentation, quotes and line ends. What can't be written as a pure insertion comes out
wrong when it is parsed again, and is refused by the proof.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from collections.abc import Mapping as MappingType
from typing import Any

from defender.edits.splice import Splice
from defender.edits.yaml import Document, Mapping, Node, Scalar, Sequence, parse, plain
from defender.errors import DetectionError, RewriteRefused

_PROPERTIES = re.compile(r"(?:[&!]\S*\s+|#[^\n]*\s+)*")
"""A list's anchor and tag, which the parser counts as its start, and comments behind them."""
_SAFE_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./*-]*")


def append_items(document: Document, sequence: Sequence, texts: Iterable[str]) -> Splice:
    """The insertion of texts as the last items of a list."""
    styled = [_styled(document, text, sequence.items) for text in texts]
    if sequence.flow and not sequence.items:
        return _insertion(document, sequence.end - 1, ", ".join(styled))
    last = sequence.items[-1]
    if sequence.flow:
        return _insertion(document, _end_of(document, last), "".join(f", {text}" for text in styled))
    properties = _PROPERTIES.match(document.text, sequence.start)
    dash = sequence.start if properties is None else properties.end()
    return _lines_after(document, last, _column(document, dash), [f"- {text}" for text in styled])


def add_list(document: Document, mapping: Mapping, keys: Iterable[str], texts: Iterable[str]) -> Splice:
    """The insertion of a list of texts as a mapping's last entry; each key but the last holds the next alone."""
    styled = [_styled(document, text, ()) for text in texts]
    names = tuple(keys)
    if mapping.flow:
        written = [json.dumps(key) if _is_json(document) else key for key in names]
        entry = ": {".join(written) + f": [{', '.join(styled)}]" + "}" * (len(names) - 1)
        if not mapping.entries:
            return _insertion(document, mapping.end - 1, entry)
        return _insertion(document, _end_of(document, mapping.entries[-1][1]), f", {entry}")
    column = _column(document, mapping.entries[0][0].start)
    last_key, last = mapping.entries[-1]
    is_here = id(last) not in document.shared and not (isinstance(last, Scalar) and last.is_null)
    lines = [f"{'  ' * depth}{key}:" for depth, key in enumerate(names)]
    lines += [f"{'  ' * len(names)}- {text}" for text in styled]
    return _lines_after(document, last if is_here else last_key, column, lines)


def proof(
    document: Document,
    added: MappingType[int, tuple[Any, ...]],
    reparse: Callable[[bytes, str], Document] = parse,
) -> Callable[[bytes], None]:
    """A check that the edited file parses to the document plus `added`, and to nothing else.

    `added` has, by the id of a list or mapping, its new items or entries as `plain` gives them.
    """
    expected = _plain_with(document.root, added)

    def prove(after: bytes) -> None:
        try:
            found = plain(reparse(after, document.path).root)
        except DetectionError as error:
            found = error
        if found != expected:
            raise RewriteRefused(
                "the file can't be extended without changing what else it says",
                path=document.path,
                hint="add the folder twistlock to what is packaged by hand, then embed again",
            )

    return prove


def plain_item(text: str) -> tuple[str, str, str, bool]:
    """A new scalar as `plain` gives it."""
    return ("scalar", "", text, False)


def plain_list(keys: Iterable[str], texts: Iterable[str]) -> tuple[Any, Any]:
    """A new entry with a list of texts as `plain` gives it; each key but the last holds the next alone."""
    first, *rest = keys
    if rest:
        return plain_item(first), ("mapping", "", [plain_list(rest, texts)])
    return plain_item(first), ("sequence", "", [plain_item(text) for text in texts])


def _plain_with(node: Node | None, added: MappingType[int, tuple[Any, ...]]) -> Any:
    if isinstance(node, Sequence):
        items = [_plain_with(item, added) for item in node.items]
        return ("sequence", node.tag, [*items, *added.get(id(node), ())])
    if isinstance(node, Mapping):
        entries = [(_plain_with(key, added), _plain_with(value, added)) for key, value in node.entries]
        return ("mapping", node.tag, [*entries, *added.get(id(node), ())])
    return plain(node)


def _styled(document: Document, text: str, siblings: tuple[Node, ...]) -> str:
    """The text quoted as the last of its siblings is; by default with single quotes, in JSON with double."""
    last = siblings[-1] if siblings else None
    if isinstance(last, Scalar) and not last.quoted and _SAFE_PLAIN.fullmatch(text):
        return text
    used = document.text[last.start] if isinstance(last, Scalar) and last.quoted else ""
    if used == '"' or _is_json(document):
        return json.dumps(text)
    return "'" + text.replace("'", "''") + "'"


def _is_json(document: Document) -> bool:
    return document.text.lstrip().startswith("{")


def _insertion(document: Document, at: int, text: str) -> Splice:
    return Splice.insert(document.byte_offset(at), text.encode())


def _lines_after(document: Document, node: Node, column: int, lines: Iterable[str]) -> Splice:
    """New lines below the last line of `node`; a comment behind it stays where it is."""
    end = document.text.find("\n", _end_of(document, node))
    newline = _newline(document)
    indented = [" " * column + line for line in lines]
    if end < 0:
        return _insertion(document, len(document.text), "".join(newline + line for line in indented))
    return _insertion(document, end + 1, "".join(line + newline for line in indented))


def _end_of(document: Document, node: Node) -> int:
    """Where a node's own text ends; the parser counts blank lines and comments behind it as well."""
    if isinstance(node, Scalar) or node.flow:
        return len(document.text[: node.end].rstrip()) if node.end > node.start else node.end
    if isinstance(node, Sequence):
        return _end_of(document, node.items[-1]) if node.items else node.end
    if not node.entries:
        return node.end
    key, value = node.entries[-1]
    empty = isinstance(value, Scalar) and value.start == value.end
    return _end_of(document, key if empty or id(value) in document.shared else value)


def _column(document: Document, at: int) -> int:
    return at - (document.text.rfind("\n", 0, at) + 1)


def _newline(document: Document) -> str:
    return "\r\n" if "\r\n" in document.text else "\n"
