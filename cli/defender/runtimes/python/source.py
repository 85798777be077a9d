"""Python source files: their encoding, their syntax tree, and whether they are Python 3 at all.

Decides nothing about handlers. The tree comes from tree-sitter, since the function's Python may be newer
than ours; our own parser is asked as a second opinion where it can know.
"""

from __future__ import annotations

import ast
import re
import warnings
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from defender.edits.source import (
    UTF8_BOM,
    Source,
    captures,
    masked,
    query,
    refuse_lone_carriage_returns,
    syntax_errors,
)
from defender.errors import RewriteRefused

if TYPE_CHECKING:
    from tree_sitter import Node

GRAMMAR = "tree_sitter_python"
# PEP 263: the cookie stands in a comment in one of the first two lines.
_COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_BLANK = re.compile(rb"^[ \t\f]*(?:[#\r\n]|$)")


def scm(name: str) -> str:
    """The text of one of the query files beside this module."""
    return files(__package__).joinpath(f"{name}.scm").read_text("utf-8")


@lru_cache(maxsize=4)
def parse(path: str, data: bytes) -> Source:
    """The file as Python 3 source; an edit and its proof ask for the same one several times.

    Raises RewriteRefused with the place when it is not: a syntax error, Python 2, an unknown encoding,
    line ends that are carriage returns alone.
    """
    source = Source(path, data, masked(path, data, _encoding(data)), GRAMMAR)
    refuse_lone_carriage_returns(path, data)
    _refuse_python2(source)
    _refuse_syntax_errors(source)
    return source


def _encoding(data: bytes) -> str:
    if data.startswith(UTF8_BOM):
        return "utf-8"
    first, _, rest = data.partition(b"\n")
    cookie = _COOKIE.match(first)
    if not cookie and _BLANK.match(first):
        cookie = _COOKIE.match(rest.partition(b"\n")[0])
    return cookie.group(1).decode("ascii", "replace") if cookie else "utf-8"


def _refuse_python2(source: Source) -> None:
    found = captures(query(GRAMMAR, scm("python2")), source.root).get("python2", [])
    if found:
        raise _python2(source, *source.position(min(node.start_byte for node in found)))


def _python2(source: Source, line: int | None, column: int | None) -> RewriteRefused:
    return RewriteRefused(
        "this is Python 2, which the agent does not support",
        path=source.path,
        line=line,
        column=column,
        hint="port the function to Python 3",
    )


def _refuse_syntax_errors(source: Source) -> None:
    own_error = _own_parser_error(source.data)
    if own_error and "in call to 'exec'" in own_error.msg:
        raise _python2(source, own_error.lineno, own_error.offset)
    if own_error and not _has_newer_syntax(source):
        raise RewriteRefused(
            f"syntax error: {own_error.msg}",
            path=source.path,
            line=own_error.lineno,
            column=own_error.offset,
        )
    for node in syntax_errors(source):
        if not _is_grammar_gap(node, own_error):
            line, column = source.position(node.start_byte)
            raise RewriteRefused("syntax error", path=source.path, line=line, column=column)


def _own_parser_error(data: bytes) -> SyntaxError | None:
    """What our own Python says of the file; None also when it can't tell."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(data)
    except SyntaxError as error:
        return error
    except (ValueError, RecursionError, MemoryError):
        return None
    return None


def _has_newer_syntax(source: Source) -> bool:
    found = captures(query(GRAMMAR, scm("newer")), source.root)
    if found.get("newer"):
        return True
    # PEP 701 allows quotes, backslashes, comments and line ends inside an f-string's braces.
    return any(set(source.bytes_of(node)) & set(b"'\"\\#\n") for node in found.get("interpolated", []))


def _is_grammar_gap(node: Node, own_error: SyntaxError | None) -> bool:
    """Whether tree-sitter's complaint is its own: PEP 696 defaults, or a body that Python accepts."""
    parent = node.parent
    in_body = False
    while parent is not None:
        if parent.type == "type_parameter":
            return True
        in_body = in_body or (
            parent.type == "block"
            and parent.parent is not None
            and parent.parent.type == "function_definition"
        )
        parent = parent.parent
    return in_body and own_error is None
