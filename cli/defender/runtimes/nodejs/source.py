"""JavaScript source files: their syntax tree, their places for insertions, names that are free in them.

Decides nothing about handlers.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from defender.edits.source import UTF8_BOM, Source, masked, refuse_syntax_errors, walk
from defender.edits.splice import Splice
from defender.errors import RewriteRefused

if TYPE_CHECKING:
    from tree_sitter import Node

JAVASCRIPT = "tree_sitter_javascript"
TYPESCRIPT = "tree_sitter_typescript:language_typescript"
TSX = "tree_sitter_typescript:language_tsx"
FUNCTIONS = frozenset(
    {
        "function_declaration",
        "function_expression",
        "arrow_function",
        "generator_function",
        "generator_function_declaration",
        "method_definition",
    }
)
# No quote stands in it: the text of a string that ends the file is none.
_SOURCE_MAP = re.compile(rb"//[#@] ?sourceMappingURL=[^\s'\"`]*\s*\Z")


@lru_cache(maxsize=4)
def parse(path: str, data: bytes, grammar: str = JAVASCRIPT) -> Source:
    """The file as JavaScript source; an edit and its proof ask for the same one several times.

    Raises RewriteRefused with the place of a syntax error, and for what is not UTF-8.
    """
    source = Source(path, data, _blanked(path, data), grammar)
    refuse_syntax_errors(source)
    return source


def _blanked(path: str, data: bytes) -> bytes:
    """Letters for all bytes beyond ASCII, but blanks for the blanks among them (ECMA-262, 12.2 and 12.3)."""
    text = data
    if not data.isascii():
        for blank in ("\u00a0", "\u2028", "\u2029", "\u3000", "\u202f", "\u205f", "\u1680"):
            encoded = blank.encode()
            text = text.replace(encoded, b" " * len(encoded))
        text = text[:3] + text[3:].replace(UTF8_BOM, b"   ")
    return masked(path, text, "utf-8")


def statements(source: Source) -> list[Node]:
    """The module's statements; comments, a hashbang and empty statements left out."""
    skipped = ("comment", "hash_bang_line", "empty_statement", "html_comment")
    return [node for node in source.root.named_children if node.type not in skipped]


def is_directive(node: Node) -> bool:
    """Whether a statement is a string and nothing else, such as "use strict"."""
    return (
        node.type == "expression_statement"
        and node.named_child_count > 0
        and node.named_children[0].type == "string"
    )


def first_own(source: Source) -> Node | None:
    """The first statement behind the directives."""
    return next((node for node in statements(source) if not is_directive(node)), None)


@lru_cache(maxsize=1 << 16)
def parent_of(node: Node) -> Node | None:
    """The node that holds a node: the parser looks for it from the root, which in deep code must not happen twice."""
    return node.parent


def text_of(source: Source, node: Node | None) -> str:
    """The text at a node; an empty one for none."""
    return "" if node is None else source.bytes_of(node).decode("utf-8", "replace")


def in_module_scope(node: Node) -> bool:
    """Whether a walk of what runs when the module is loaded enters the node: no function that is merely defined."""
    return node.type not in FUNCTIONS or is_called_at_once(node)


@lru_cache(maxsize=1 << 15)
def function_around(node: Node) -> Node | None:
    """The innermost function that a node stands in; None for the module's own statements."""
    current = parent_of(node)
    while current is not None and current.type not in FUNCTIONS:
        current = parent_of(current)
    return current


@lru_cache(maxsize=1 << 15)
def is_called_at_once(function: Node) -> bool:
    """Whether a function runs where it stands, `(() => {})()`, to its end: neither `async` nor a generator."""
    if any(child.type in ("async", "*") for child in function.children):
        return False
    node, parent = function, parent_of(function)
    while parent is not None and parent.type == "parenthesized_expression":
        node, parent = parent, parent_of(parent)
    if parent is None:
        return False
    if parent.type == "call_expression" and parent.child_by_field_name("function") == node:
        return True
    return _is_method_called(parent, node)


def _is_method_called(member: Node, node: Node) -> bool:
    """`(function () {}).call(this)`, as CoffeeScript and TypeScript's namespaces write it."""
    if member.type != "member_expression" or member.child_by_field_name("object") != node:
        return False
    call = parent_of(member)
    name = member.child_by_field_name("property")
    return (
        call is not None
        and call.type == "call_expression"
        and name is not None
        and name.text in (b"call", b"apply")
    )


def free_name(data: bytes, wanted: str = "twistlock") -> str:
    """`wanted`, or a name that occurs nowhere in the file."""
    name, count = wanted, 1
    while re.search(rf"\b{name}\b".encode(), data):
        name = f"_{wanted}" if count == 1 else f"_{wanted}{count}"
        count += 1
    return name


def quote_of(source: Source) -> str:
    """The quote that the file's first string is written with."""
    for statement in statements(source)[:20]:
        for node in walk(statement):
            if node.type == "string":
                return source.bytes_of(node)[:1].decode("ascii")
    return "'"


def is_bound_once(source: Source, name: str) -> bool:
    """Whether a variable is assigned where it is declared and nowhere else."""
    return len(re.findall(rf"(?<![\w$.]){re.escape(name)}\s*=(?![=>])".encode(), source.data)) == 1


def before(source: Source, first: Node | None, statement: str) -> Splice:
    """A statement in front of the first one: on a line of its own, or, to keep the lines of a map, on the same."""
    if first is None:
        return at_end(source, statement)
    start = first.start_byte
    lead = source.data[source.line_start(start) : start].removeprefix(UTF8_BOM)
    if lead.strip() or source_map(source.data) is not None:
        return Splice.insert(start, f"{statement} ".encode())
    return Splice.insert(start, statement.encode() + source.newline)


def source_map(data: bytes) -> int | None:
    """Where the comment that names the source map begins, if that is the last thing in the file."""
    at = data.rfind(b"sourceMappingURL=")
    match = None if at < 0 else _SOURCE_MAP.search(data, max(0, at - 4))
    return None if match is None else match.start()


def at_end(source: Source, statement: str) -> Splice:
    """A last statement; only a comment that names a source map stays behind it."""
    data = source.data
    at = source_map(data)
    if at is not None:
        own_line = not data[source.line_start(at) : at].strip()
        text = statement.encode() + source.newline
        return Splice.insert(at, text if own_line else source.newline + text)
    if not data.removeprefix(UTF8_BOM).strip() or data.endswith((b"\n", b"\r")):
        return Splice.insert(len(data), statement.encode() + source.newline)
    return Splice.insert(len(data), source.newline + statement.encode())


def string_value(source: Source, node: Node | None) -> str | None:
    """The value of a string literal without escapes."""
    if node is None or node.type != "string":
        return None
    text = text_of(source, node)[1:-1]
    return None if "\\" in text else text


def refuse_unreachable(source: Source) -> None:
    """Raise RewriteRefused for what would keep statements at the end from running, or mean another module."""
    for statement in statements(source):
        if statement.type in ("import_statement", "export_statement"):
            raise _refusal(
                source,
                statement,
                "the file is written as an ES module, but would be loaded as CommonJS",
                'embed the built package, or say "type": "module" in package.json',
            )
    refuse_own_names(source)


def refuse_own_names(source: Source) -> None:
    """Raise RewriteRefused for a return at the top level, and for a `require` or `module` of the file's own."""
    for node in walk(source.root, lambda node: node.type not in FUNCTIONS):
        if node.type == "return_statement":
            raise _refusal(
                source, node, "a return at the top level would skip the wrapping", "put it into a function"
            )
        bound = node.child_by_field_name("name") if node.type in _DECLARATIONS else None
        if bound is not None and bound.text in (b"require", b"module") and _is_of_module(node):
            raise _refusal(
                source, bound, f"the file has a {text_of(source, bound)!r} of its own", "rename it"
            )


_DECLARATIONS = ("variable_declarator", "function_declaration")


def _is_of_module(node: Node) -> bool:
    """Whether a declaration binds its name in the whole module."""
    declaration = node if node.type == "function_declaration" else node.parent
    if declaration is None or declaration.parent is None:
        return False
    return declaration.type == "variable_declaration" or declaration.parent.type == "program"


def _refusal(source: Source, node: Node, message: str, hint: str) -> RewriteRefused:
    line, column = source.position(node.start_byte)
    return RewriteRefused(message, path=source.path, line=line, column=column, hint=hint)
