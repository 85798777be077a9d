"""Which names functions and blocks bind anew, so that a use of one inside is no use of the module's.

Minified code gives the same few letters to everything: without this, each would seem to be the handler.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from defender.edits.source import walk
from defender.runtimes.nodejs.source import FUNCTIONS, parent_of

if TYPE_CHECKING:
    from tree_sitter import Node

_PATTERNS = ("identifier", "shorthand_property_identifier_pattern")
_NESTED = (
    "array_pattern",
    "formal_parameters",
    "object_pattern",
    "optional_parameter",
    "required_parameter",
    "rest_pattern",
)
_BLOCKS = ("statement_block", "switch_body", "for_statement", "for_in_statement", "catch_clause")
_LEXICAL = (
    "lexical_declaration",
    "class_declaration",
    "function_declaration",
    "generator_function_declaration",
)


def is_shadowed(node: Node, name: bytes) -> bool:
    """Whether a function or a block around the node binds the name, and not the module."""
    current = _scope_around(node)
    while current is not None:
        if current.type not in FUNCTIONS:
            if name in _lexical(current):
                return True
        elif name in _parameters(current) or (name in _variables(current) and _is_in_body(current, node)):
            return True
        current = _scope_around(current)
    return False


@lru_cache(maxsize=1 << 15)
def _scope_around(node: Node) -> Node | None:
    """The innermost function or block that a node stands in, and that may bind names."""
    current = parent_of(node)
    while current is not None and current.type not in FUNCTIONS and current.type not in _BLOCKS:
        current = parent_of(current)
    return current


def _is_in_body(function: Node, node: Node) -> bool:
    """Whether a node below a function is none of its parameters' defaults."""
    body = function.child_by_field_name("body")
    return body is not None and body.start_byte <= node.start_byte < body.end_byte


def bound(pattern: Node | None) -> Iterator[bytes]:
    """The names that a pattern binds; defaults are expressions and bind none."""
    if pattern is None:
        return
    if pattern.type in _PATTERNS:
        yield pattern.text or b""
    elif pattern.type in ("assignment_pattern", "object_assignment_pattern"):
        yield from bound(pattern.child_by_field_name("left"))
    elif pattern.type == "pair_pattern":
        yield from bound(pattern.child_by_field_name("value"))
    elif pattern.type in _NESTED:
        for one in pattern.named_children:
            yield from bound(one)


@lru_cache(maxsize=1 << 15)
def _parameters(function: Node) -> frozenset[bytes]:
    fields = (function.child_by_field_name(name) for name in ("parameters", "parameter"))
    return frozenset(name for field in fields for name in bound(field))


@lru_cache(maxsize=1 << 15)
def _variables(function: Node) -> frozenset[bytes]:
    """What `var` binds in the whole function, however deep its blocks are."""
    body = function.child_by_field_name("body")
    found: set[bytes] = set()
    for node in () if body is None else walk(body, lambda inner: inner.type not in FUNCTIONS):
        if node.type == "variable_declaration":
            found.update(name for one in node.named_children for name in _declared(one))
        elif node.type == "for_in_statement" and _kind(node) == b"var":
            found.update(bound(node.child_by_field_name("left")))
    return frozenset(found)


@lru_cache(maxsize=1 << 15)
def _lexical(block: Node) -> frozenset[bytes]:
    """What is bound in a block alone."""
    if block.type == "catch_clause":
        return frozenset(bound(block.child_by_field_name("parameter")))
    if block.type == "for_in_statement":
        names = bound(block.child_by_field_name("left")) if _kind(block) in (b"let", b"const") else ()
        return frozenset(names)
    children = block.named_children
    if block.type == "switch_body":
        children = [one for case in children for one in case.named_children]
    found: set[bytes] = set()
    for node in children:
        if node.type == "lexical_declaration":
            found.update(name for one in node.named_children for name in _declared(one))
        elif node.type in _LEXICAL:
            found.update(bound(node.child_by_field_name("name")))
    return frozenset(found)


def _declared(declarator: Node) -> Iterator[bytes]:
    return bound(declarator.child_by_field_name("name"))


def _kind(statement: Node) -> bytes | None:
    """`var`, `let` or `const` of a loop over something; None where it declares nothing."""
    kind = statement.child_by_field_name("kind")
    return None if kind is None else kind.text
