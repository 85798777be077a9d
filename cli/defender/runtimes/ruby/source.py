"""Ruby source files: their encoding, their magic comments, their syntax tree.

Decides nothing about handlers. What Ruby would not read to its end, or not as the tree shows it, is refused.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from defender.edits.source import UTF8_BOM, Source, masked, refuse_lone_carriage_returns, refuse_syntax_errors
from defender.errors import RewriteRefused

if TYPE_CHECKING:
    from tree_sitter import Node

GRAMMAR = "tree_sitter_ruby"
# Comments that change how the file is read stand before its first token; `typed` is Sorbet's.
_MAGIC = re.compile(
    rb"^#!|^#.*(?:coding|frozen[-_]string[-_]literal|warn[-_]indent|shareable[-_]constant[-_]value)[ \t]*[:=]"
    rb"|^#[ \t]*typed[ \t]*:",
    re.I,
)
_COOKIE = re.compile(rb"^[ \t]*#.*?coding[:=][ \t]*([-\w.]+)", re.I)
# Ruby's names of encodings that Python calls otherwise.
_ENCODINGS = {"ascii-8bit": "latin-1", "binary": "latin-1", "windows-31j": "cp932", "sjis": "cp932"}
# Ruby reads a file no further than one of these.
_ENDS = re.compile(rb"[\x00\x04\x1a]")


def scm(name: str) -> str:
    """The text of one of the query files beside this module."""
    return files(__package__).joinpath(f"{name}.scm").read_text("utf-8")


@lru_cache(maxsize=8)
def parse(path: str, data: bytes) -> Source:
    """The file as Ruby source; an edit and its proof ask for the same one several times.

    Raises RewriteRefused with the place when it has a syntax error, an unknown encoding, control characters at
    which Ruby stops, or line ends that are carriage returns alone.
    """
    source = Source(path, data, masked(path, data, _encoding(data)), GRAMMAR)
    refuse_lone_carriage_returns(path, data)
    code = data[: _end_of_code(source)]
    stop = _ENDS.search(code)
    if stop:
        line, column = source.position(stop.start())
        raise RewriteRefused(
            "Ruby reads the file no further than this control character",
            path=path,
            line=line,
            column=column,
            hint="take it out, or write it as an escape sequence in a string",
        )
    refuse_syntax_errors(source)
    return source


def preamble_end(source: Source) -> int:
    """Offset behind the last magic comment before the first token: no statement may stand before it."""
    end = len(UTF8_BOM) if source.data.startswith(UTF8_BOM) else 0
    for node in source.root.children:
        if node.type != "comment":
            break
        if _MAGIC.match(source.bytes_of(node)):
            newline = source.data.find(b"\n", node.end_byte)
            end = len(source.data) if newline < 0 else newline + 1
    return end


def statements(node: Node) -> list[Node]:
    """The statements of a block of code, comments and heredocs' texts left out."""
    out = ("comment", "heredoc_body", "uninterpreted", "empty_statement")
    return [child for child in node.named_children if child.type not in out]


def refuse(source: Source, node: Node, message: str, hint: str | None = None) -> RewriteRefused:
    """The error for a form that is not supported, with its place."""
    line, column = source.position(node.start_byte)
    return RewriteRefused(message, path=source.path, line=line, column=column, hint=hint)


def _encoding(data: bytes) -> str:
    if data.startswith(UTF8_BOM):
        return "utf-8"
    first, _, rest = data.partition(b"\n")
    cookie = _COOKIE.match(first)
    if not cookie and first.startswith(b"#!"):
        cookie = _COOKIE.match(rest.partition(b"\n")[0])
    name = cookie.group(1).decode("ascii", "replace").lower() if cookie else "utf-8"
    return _ENCODINGS.get(name, "utf-8" if name == "utf8" else name)


def _end_of_code(source: Source) -> int:
    """Offset of what follows `__END__`, or of the file's end."""
    last = source.root.children[-1:] or [source.root]
    return last[0].start_byte if last[0].type == "uninterpreted" else len(source.data)
