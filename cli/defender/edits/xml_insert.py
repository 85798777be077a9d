"""Insertions into XML: an element at another's end, and the proof that nothing else has changed.

Follows the file's indentation and line ends. An empty element `<x/>` is opened by insertions alone: its own
`/>` then ends the last empty element of what is inserted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from xml.sax.saxutils import escape, quoteattr

from defender.edits.splice import Splice
from defender.edits.xml import Document, Element, Item, Text, parse
from defender.errors import RewriteRefused

_STEP = "  "


@dataclass(frozen=True, slots=True)
class New:
    """An element to insert: with text, or with elements below, or empty. All of it is ASCII."""

    name: str
    text: str = ""
    below: tuple[New, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()

    def lines(self, indent: str, step: str) -> list[str]:
        """Its lines, indented."""
        attributes = "".join(f" {name}={quoteattr(value)}" for name, value in self.attributes)
        if not self.below:
            content = f">{escape(self.text)}</{self.name}>" if self.text else "/>"
            return [f"{indent}<{self.name}{attributes}{content}"]
        inner = [line for one in self.below for line in one.lines(indent + step, step)]
        return [f"{indent}<{self.name}{attributes}>", *inner, f"{indent}</{self.name}>"]


def fitting(parent: Element, new: New, spare: str) -> New:
    """`new`, and where the parent is written `<parent/>` an empty element at its end, as `append` needs it then."""
    return with_spare(new, spare) if parent.is_empty_tag else new


def with_spare(new: New, spare: str) -> New:
    """`new` with an empty element at its end."""
    return replace(new, below=(*new.below, New(spare)))


def append(document: Document, parent: Element, new: New) -> tuple[Splice, ...]:
    """The insertions that make `new` the last element below `parent`.

    Raises RewriteRefused where the parent holds text, or is written `<parent/>` and nothing in `new` is empty.
    """
    if any(isinstance(item, Text) and item.value.strip() for item in parent.items):
        raise RewriteRefused(f"<{parent.name}> holds text", path=document.path, line=parent.line)
    outer = _indent(document, parent.start)
    step = _step(document)
    if parent.is_empty_tag:
        return _opened(document, parent, new, outer, step)
    inner = _inner(document, parent, outer, step)
    if document.before(parent.close).strip(" \t"):
        return (_in_line(document, parent, new, (outer, inner, step)),)
    text = "".join(line + document.newline for line in new.lines(inner, step))
    at = parent.close - len(document.encode(document.before(parent.close)))
    return (Splice.insert(at, document.encode(text)),)


def proof(document: Document, added: Mapping[int, Sequence[New]]) -> Callable[[bytes], None]:
    """A check that the edited file parses to the document plus `added`, and to nothing else.

    `added` has, by the id of an element of the document, its new last elements in order.
    """

    def prove(after: bytes) -> None:
        found = parse(after, document.path)
        is_same = found.prolog == document.prolog and found.codec == document.codec
        if not is_same or not _is_extended(document.root, found.root, added):
            raise RewriteRefused(
                "the file can't be extended without changing what else it says", path=document.path
            )

    return prove


def _is_extended(before: Element, after: Element, added: Mapping[int, Sequence[New]]) -> bool:
    if before.name != after.name or before.attributes != after.attributes:
        return False
    new = added.get(id(before), ())
    old_items, items = (_solid(before), _solid(after)) if new else (before.items, after.items)
    kept = items[: len(items) - len(new)]
    is_kept = len(kept) == len(old_items) and all(
        _is_extended(old, one, added) if isinstance(old, Element) and isinstance(one, Element) else old == one
        for old, one in zip_longest(old_items, kept)
    )
    return is_kept and all(is_written(one, item) for one, item in zip_longest(new, items[len(kept) :]))


def is_written(new: New | None, item: Item | None) -> bool:
    """Whether an element of a document is `new`, whatever the blanks in it."""
    if new is None or not isinstance(item, Element):
        return False
    is_alike = item.name == new.name and item.attributes == new.attributes
    below = _solid(item)
    if not new.below:
        return is_alike and item.text == new.text and all(isinstance(one, Text) for one in below)
    return is_alike and all(is_written(one, inner) for one, inner in zip_longest(new.below, below))


def _solid(element: Element) -> list[Item]:
    """What an element holds, blanks left out."""
    return [item for item in element.items if not isinstance(item, Text) or item.value.strip()]


def _opened(document: Document, parent: Element, new: New, outer: str, step: str) -> tuple[Splice, ...]:
    """`<x/>` opened: what is inserted in front of its `/>` needs that, and what stands behind closes all."""
    newline = document.newline
    text = newline.join(new.lines(outer + step, step))
    head, found, tail = text.rpartition("/>")
    if not found:
        raise RewriteRefused(f"<{parent.name}/> can't be opened", path=document.path, line=parent.line)
    at = parent.end - len(document.encode("/>"))
    return (
        Splice.insert(at, document.encode(f">{newline}{head}")),
        Splice.insert(parent.end, document.encode(f"{tail}{newline}{outer}</{parent.name}>")),
    )


def _in_line(document: Document, parent: Element, new: New, indents: tuple[str, str, str]) -> Splice:
    """In front of an end tag that shares its line with others: on that line, or on lines of its own."""
    outer, inner, step = indents
    written = document.data[parent.start : parent.close].decode(document.codec)
    if parent.elements and len(written.splitlines()) == 1:
        return Splice.insert(parent.close, document.encode("".join(new.lines("", ""))))
    lines = new.lines(inner, step)
    text = document.newline + document.newline.join(lines) + document.newline + outer
    return Splice.insert(parent.close, document.encode(text))


def _inner(document: Document, parent: Element, outer: str, step: str) -> str:
    """How the elements below are indented: as the last of them that begins its line."""
    for element in reversed(parent.elements):
        prefix = document.before(element.start)
        if not prefix.strip(" \t"):
            return prefix
    return outer + step


def _indent(document: Document, at: int) -> str:
    """The blanks at the beginning of the line that holds byte `at`."""
    prefix = document.before(at)
    return prefix[: len(prefix) - len(prefix.lstrip(" \t"))]


def _step(document: Document) -> str:
    """One level of indentation: by how much the root's own elements are set in."""
    root = _indent(document, document.root.start)
    for element in document.root.elements:
        prefix = document.before(element.start)
        if not prefix.strip(" \t") and prefix.startswith(root) and len(prefix) > len(root):
            return prefix[len(root) :]
    return _STEP
