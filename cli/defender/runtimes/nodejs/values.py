"""What kind of value an expression is, as far as the source shows: how it is named, and whether it is async."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from defender.edits.source import Source, walk
from defender.runtimes.nodejs.source import FUNCTIONS, text_of

if TYPE_CHECKING:
    from tree_sitter import Node

_PRIMITIVES = frozenset(
    {"number", "string", "true", "false", "null", "undefined", "regex", "template_string", "array"}
)
# What an expression may stand in and still be the same value; the last three are TypeScript's.
_SAME = ("parenthesized_expression", "as_expression", "satisfies_expression", "non_null_expression")
_PROMISES = ("Promise.", "fetch(")


def is_primitive(node: Node) -> bool:
    """Whether a value can have no properties that are handlers, such as `void 0`."""
    return node.type in _PRIMITIVES or (
        node.type == "unary_expression" and (node.text or b"").startswith(b"void")
    )


def kind(source: Source, value: Node | None) -> str:
    """`async`, `sync`, or `callable` where it is no function that the file shows."""
    function = function_of(source, value)
    if function is None:
        return "callable"
    if any(child.type == "async" for child in function.children):
        return "async"
    parameters = function.child_by_field_name("parameters")
    takes_callback = parameters is not None and len(_parameters(parameters)) > 2
    return "async" if not takes_callback and _returns_promise(source, function) else "sync"


def function_of(source: Source, value: Node | None) -> Node | None:
    """The function that a value is: written there, or the module's own of that name."""
    while value is not None and value.type in (*_SAME, "assignment_expression"):
        inner = value.child_by_field_name("right")
        value = inner if inner is not None else next(iter(value.named_children), None)
    if value is None or value.type in FUNCTIONS:
        return value
    if value.type not in ("identifier", "shorthand_property_identifier"):
        return None
    found = [node for node in declarations(source, text_of(source, value)) if node.type in FUNCTIONS]
    return found[0] if len(found) == 1 else None


def declarations(source: Source, name: str) -> list[Node]:
    """What the module's own statements declare under a name: functions, classes, values of variables."""
    found = []
    for statement in source.root.named_children:
        inner = statement.child_by_field_name("declaration") or statement
        if inner.type in ("variable_declaration", "lexical_declaration"):
            for one in inner.named_children:
                value = one.child_by_field_name("value")
                if text_of(source, one.child_by_field_name("name")) == name and value is not None:
                    found.append(value)
        elif text_of(source, inner.child_by_field_name("name")) == name:
            found.append(inner)
    return found


def is_anonymous(value: Node) -> bool:
    """Whether a function or class gets its name from what it is assigned to (ECMA-262, 8.4.3)."""
    while value.type in _SAME:
        value = value.named_children[0]
    if value.type not in ("arrow_function", "function_expression", "generator_function", "class"):
        return False
    return value.child_by_field_name("name") is None


def _parameters(parameters: Node) -> list[Node]:
    return [one for one in parameters.named_children if one.type != "comment"]


def _returns_promise(source: Source, function: Node) -> bool:
    return any(_is_promise(source, value) for value in _returned(function))


def _returned(function: Node) -> Iterator[Node]:
    body = function.child_by_field_name("body")
    if body is None:
        return
    if body.type != "statement_block":
        yield body
        return
    for node in walk(body, lambda inner: inner.type not in FUNCTIONS):
        if node.type == "return_statement" and node.named_children:
            yield node.named_children[0]


def _is_promise(source: Source, value: Node) -> bool:
    text = text_of(source, value)
    if value.type == "new_expression":
        return text_of(source, value.child_by_field_name("constructor")) == "Promise"
    if value.type != "call_expression":
        return False
    callee = text_of(source, value.child_by_field_name("function"))
    return text.startswith(_PROMISES) or callee.endswith((".then", ".catch", ".finally", ".promise"))
