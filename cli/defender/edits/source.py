"""Source code as tree-sitter sees it: parsing, positions, line ends. Shared by all languages.

It answers where something is and never what to do about it; languages keep their own queries and rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import import_module
from typing import TYPE_CHECKING

from defender.errors import RewriteRefused

if TYPE_CHECKING:
    from tree_sitter import Language, Node, Query, Tree

UTF8_BOM = b"\xef\xbb\xbf"


@lru_cache
def language(grammar: str) -> Language:
    """The grammar of the PyPI package `grammar`, for example `tree_sitter_python`.

    Of a package with several, the function that gives it stands behind a colon.
    """
    from tree_sitter import Language

    package, _, function = grammar.partition(":")
    return Language(getattr(import_module(package), function or "language")())


@dataclass(frozen=True)
class Source:
    """One file's bytes and the grammar that they are written in.

    `text` is what the parser is given: the same length as `data`, with the same ASCII bytes, so that
    offsets in one are offsets in the other.
    """

    path: str
    data: bytes
    text: bytes
    grammar: str

    @cached_property
    def tree(self) -> Tree:
        """The syntax tree of `text`."""
        from tree_sitter import Parser

        return Parser(language(self.grammar)).parse(self.text)

    @property
    def root(self) -> Node:
        """The tree's topmost node."""
        return self.tree.root_node

    @cached_property
    def newline(self) -> bytes:
        """The line end that the file's first line uses; a line feed where there is none."""
        at = self.data.find(b"\n")
        return b"\r\n" if at > 0 and self.data[at - 1 : at] == b"\r" else b"\n"

    def bytes_of(self, node: Node) -> bytes:
        """The file's own bytes at `node`."""
        return self.data[node.start_byte : node.end_byte]

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of a byte offset, both from 1, the column in bytes."""
        start = self.data.rfind(b"\n", 0, offset) + 1
        return self.data.count(b"\n", 0, offset) + 1, offset - start + 1

    def line_start(self, offset: int) -> int:
        """Offset of the first byte of the line that holds `offset`."""
        return self.data.rfind(b"\n", 0, offset) + 1


def masked(path: str, data: bytes, encoding: str) -> bytes:
    """`data` with every character outside of ASCII as so many letters as it has bytes, for a parser.

    Such characters stand in names, strings and comments only, so the tree keeps its shape, and no
    encoding's second byte is taken for a quote or a backslash. Raises RewriteRefused where that can't be done.
    """
    if data.isascii() and encoding == "utf-8":
        return data
    try:
        text = data.decode(encoding)
        if data.isascii() and text == data.decode("ascii"):
            return data
        if encoding.lower().replace("_", "-") in ("utf-8", "utf8"):
            return re.sub(rb"[\x80-\xff]", b"x", _without_bom(data))
        letters = b"".join(
            char.encode("ascii") if char.isascii() else b"x" * len(char.encode(encoding)) for char in text
        )
    except (LookupError, UnicodeError) as error:
        raise RewriteRefused(f"the file can't be read as {encoding}: {error}", path=path) from error
    if len(letters) != len(data) or data.isascii():
        raise RewriteRefused(f"offsets in the encoding {encoding} are ambiguous", path=path)
    return letters


def _without_bom(data: bytes) -> bytes:
    """A byte order mark as blanks: a parser would take it for a name."""
    return b"\x20\x20\x20" + data[3:] if data.startswith(UTF8_BOM) else data


def refuse_lone_carriage_returns(path: str, data: bytes) -> None:
    """Raise RewriteRefused for a file with carriage returns that end no CRLF line end."""
    if re.search(rb"\r(?!\n)", data):
        raise RewriteRefused(
            "the file has carriage returns that end no CRLF line end", path=path, hint="convert it"
        )


def syntax_errors(source: Source) -> Iterator[Node]:
    """The places that the grammar does not know, or where it misses something, in source order."""
    if source.root.has_error:
        for node in walk(source.root, lambda node: node.has_error):
            if node.is_error or node.is_missing:
                yield node


def refuse_syntax_errors(source: Source) -> None:
    """Raise RewriteRefused with the first place that the grammar does not know."""
    for node in syntax_errors(source):
        line, column = source.position(node.start_byte)
        raise RewriteRefused(
            "syntax error",
            path=source.path,
            line=line,
            column=column,
            hint="correct it; if the language takes it as it is, defender's grammar does not know it: report that",
        )


def walk(node: Node, enter: Callable[[Node], bool] = lambda _: True) -> Iterator[Node]:
    """All nodes below `node` and itself, in source order; below those that `enter` refuses, none.

    Keeps its own stack: generated files nest deeper than Python's recursion limit.
    """
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        if current is node or enter(current):
            stack.extend(reversed(current.children))


@lru_cache
def query(grammar: str, text: str) -> Query:
    """A compiled tree-sitter query."""
    from tree_sitter import Query

    return Query(language(grammar), text)


def captures(compiled: Query, node: Node) -> dict[str, list[Node]]:
    """The nodes below `node` that each capture of the query names."""
    from tree_sitter import QueryCursor

    return QueryCursor(compiled).captures(node)
