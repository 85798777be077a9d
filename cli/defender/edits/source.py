"""Source code as tree-sitter sees it: parsing, positions, line ends. Shared by all languages.

It answers where something is and never what to do about it; languages keep their own queries and rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Language, Node, Query, Tree

UTF8_BOM = b"\xef\xbb\xbf"


@lru_cache
def language(grammar: str) -> Language:
    """The grammar of the PyPI package `grammar`, for example `tree_sitter_python`."""
    from tree_sitter import Language

    return Language(import_module(grammar).language())


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
