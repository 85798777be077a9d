"""Java source files: their encoding, their syntax tree, and the tokens of its parts.

Decides nothing about handlers. What a compiler would read otherwise than the tree shows is not rewritten.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from defender.edits.source import Source, masked, refuse_lone_carriage_returns, syntax_errors, walk
from defender.errors import RewriteRefused

if TYPE_CHECKING:
    from tree_sitter import Node

GRAMMAR = "tree_sitter_java"
# A compiler turns these into characters before it looks for strings and comments; the parser does not.
_ESCAPE = re.compile(rb"(?<!\\)(?:\\\\)*\\u+([0-9a-fA-F]{4})")
_MOVES = frozenset({0x09, 0x0A, 0x0C, 0x0D, 0x1A, *range(0x20, 0x7F)})
_COMMENTS = ("line_comment", "block_comment")


class Unproven(Exception):
    """A class that can't be rewritten with proof; the redirecting class takes its place. Says why, and where."""

    def __init__(self, reason: str, source: Source | None = None, node: Node | None = None) -> None:
        """`node` is the place in `source`, where there is one."""
        line = source.position(node.start_byte)[0] if source is not None and node is not None else None
        place = "" if source is None else f"{source.path}:{line}: " if line else f"{source.path}: "
        super().__init__(place + reason)
        self.reason = place + reason


class JavaSource(Source):
    """A Java source file, with its encoding."""

    @cached_property
    def encoding(self) -> str:
        """UTF-8, else one with a byte for each character: where it is not Latin-1, the other letters stay bytes."""
        return _encoding(self.path, self.data)


@lru_cache(maxsize=64)
def parse(path: str, data: bytes) -> JavaSource:
    """The file as Java source. Raises Unproven where its tree may not be what a compiler sees."""
    try:
        source = JavaSource(path, data, masked(path, data, _encoding(path, data)), GRAMMAR)
        refuse_lone_carriage_returns(path, data)
    except RewriteRefused as error:
        raise Unproven(str(error)) from error
    for match in _ESCAPE.finditer(data):
        if int(match[1], 16) in _MOVES:
            line, _ = source.position(match.start())
            raise Unproven(f"{path}:{line}: a Unicode escape may end a string or a comment")
    for node in syntax_errors(source):
        raise Unproven("the parser does not know this syntax", source, node)
    return source


def _encoding(path: str, data: bytes) -> str:
    if re.search(rb"[\x00\x1a]", data):
        raise Unproven(f"{path}: a control character may end the file, or it is UTF-16")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        if re.search(rb"[\x80-\xff][\\{}|~\[\]^`]", data):
            raise Unproven(f"{path}: its encoding is not UTF-8, and may be one of several bytes") from None
        return "latin-1"
    return "utf-8"


def named(node: Node) -> list[Node]:
    """The named nodes right below, comments left out."""
    return [child for child in node.named_children if child.type not in _COMMENTS]


def is_comment(node: Node) -> bool:
    """Whether the node is a comment."""
    return node.type in _COMMENTS


def tokens(source: JavaSource, node: Node) -> list[str]:
    """The node's tokens without comments and without annotations."""
    return [text(source, leaf) for leaf in _leaves(node)]


def _leaves(node: Node) -> Iterator[Node]:
    skipped = (*_COMMENTS, "annotation", "marker_annotation")
    for one in walk(node, lambda inner: inner.type not in skipped and inner.type != "string_literal"):
        if one.type in skipped:
            continue
        if one.type == "string_literal" or not one.children:
            yield one


def text(source: JavaSource, node: Node) -> str:
    """The node's own characters."""
    return source.bytes_of(node).decode(source.encoding)


def spelled(name: str) -> bytes:
    """A regular expression for a name, in each of the encodings that a file may have."""
    spellings = dict.fromkeys([name.encode("utf-8"), name.encode("latin-1", "ignore")])
    return rb"(?<![\w$])(?:%s)(?![\w$])" % b"|".join(map(re.escape, spellings))


def joined(words: list[str]) -> str:
    """Tokens as one would write them in a type or a list of types."""
    line = ""
    for word in words:
        if line and (line[-1] in ",&?" or (is_word(line[-1]) and (is_word(word[0]) or word == "?"))):
            line += " "
        line += f" {word}" if word == "&" else word
    return line


def is_word(char: str) -> bool:
    """Whether a token that begins so is a name, a keyword or a number."""
    return char.isalnum() or char in "_$"
