"""File names in Ruby code, as far as the text tells what they are: `"#{__dir__}/lib"`, `File.join(__dir__, 'lib')`.

Reads no other file, and knows nothing of what is loaded.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from defender.edits.source import Source
from defender.runtimes.ruby.bindings import arguments, called

if TYPE_CHECKING:
    from tree_sitter import Node


@dataclass(frozen=True)
class Name:
    """A file's name: from the package's root where `is_whole`, else as the code has it."""

    text: str
    is_whole: bool = False

    def under(self, folder: str) -> str:
        """The name from the package's root; what is not whole is relative to `folder`."""
        return posixpath.normpath(self.text if self.is_whole else posixpath.join(folder, self.text))


def name_of(source: Source, node: Node | None) -> Name | None:
    """The file's name that an expression stands for; None where that shows only when the code runs."""
    if node is None:
        return None
    text = source.bytes_of(node).decode("utf-8", "replace")
    if node.type == "string":
        return _joined([_part(source, part) for part in node.named_children])
    if node.type == "identifier":
        folder = posixpath.dirname(source.path)
        return {"__dir__": Name(folder or ".", True), "__FILE__": Name(source.path, True)}.get(text)
    if node.type == "binary" and [child.type for child in node.children][1] == "+":
        return _joined([name_of(source, node.named_children[0]), name_of(source, node.named_children[1])])
    receiver = node.child_by_field_name("receiver") if node.type == "call" else None
    if receiver is None or source.bytes_of(receiver) not in (b"File", b"::File"):
        return None
    return _by_file(called(source, node), [name_of(source, one) for one in arguments(node)])


def _part(source: Source, part: Node) -> Name | None:
    if part.type == "string_content":
        return Name(source.bytes_of(part).decode("utf-8", "replace"))
    inner = part.named_children if part.type == "interpolation" else []
    return name_of(source, inner[0]) if len(inner) == 1 else None


def _joined(parts: list[Name | None], by: str = "") -> Name | None:
    """Parts put together; only the first may be whole."""
    known = [part for part in parts if part is not None]
    if not known or len(known) < len(parts) or any(part.is_whole for part in known[1:]):
        return None
    return Name(by.join(part.text for part in known), known[0].is_whole)


def _by_file(method: str | None, given: list[Name | None]) -> Name | None:
    """What `File.join`, `File.dirname`, `File.expand_path` and its like answer."""
    if method == "join":
        return _joined(given, "/")
    first = given[0] if given else None
    if first is None or len(given) > 2:
        return None
    if method == "dirname" and len(given) == 1:
        return Name(posixpath.dirname(first.text) or ".", first.is_whole)
    if method in ("expand_path", "absolute_path", "realpath"):
        base = given[1] if len(given) == 2 else Name(".")
        if first.is_whole or base is None:
            return first if first.is_whole else None
        return Name(posixpath.normpath(posixpath.join(base.text, first.text)), base.is_whole)
    return None
