"""How a CommonJS module exports a name: the facts that decide how its handler is wrapped.

Looks at every use of `exports` and `module` that means the module's own. It says what the source says;
which forms are supported is `commonjs`' business.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from defender.edits.source import Source, walk
from defender.runtimes.nodejs.scopes import is_shadowed
from defender.runtimes.nodejs.source import (
    function_around,
    is_called_at_once,
    parent_of,
    string_value,
    text_of,
)

if TYPE_CHECKING:
    from tree_sitter import Node

_DEFINING = ("__defineGetter__", "__defineSetter__", "__proto__")
_WRITES = ("assignment_expression", "augmented_assignment_expression", "unary_expression")
# What calls its callback before it returns.
_OWN = (b"exports", b"module")
_AT_ONCE = frozenset({"forEach", "map", "reduce", "filter", "some", "every", "flatMap"})
_READS = frozenset({"unary_expression", "binary_expression", "parenthesized_expression", "if_statement"})


@dataclass(frozen=True)
class Export:
    """One place that exports: `key` None for the whole of `module.exports` or a name that is computed.

    `value` is what is exported where the source shows it. `via` is what is written to: `exports` or
    `module.exports`, `this` or another variable (`alias`). `is_late`: in a function that is merely
    defined when the module is loaded.
    `is_write`: exported right there, and not by what the exports are handed to.
    """

    node: Node
    key: str | None
    via: str
    value: Node | None
    is_whole: bool = False
    is_late: bool = False
    is_statement: bool = False
    is_write: bool = False


@lru_cache(maxsize=4)
def exports(source: Source) -> tuple[Export, ...]:
    """All places that export something, or hand the exports to other code, in source order."""
    names = [node for node in walk(source.root) if node.type in ("identifier", "this")]
    found = [one for node in names if node.text in _OWN for one in _export(source, node)]
    found += [
        one for node in names if node.type == "this" and _is_modules(node) for one in _writes(source, node)
    ]
    aliases = {name for one in found for name in _aliases(one)}
    aliases |= {one.value.text for one in found if _is_variable(one) and one.value and one.value.text}
    for node in names:
        if node.text in aliases and not _is_binding(node) and not is_shadowed(node, node.text or b""):
            found += _use(source, node, "alias")
    if not found:
        # Webpack's target "this" hands the exports on by no other name.
        found = [
            _made(node, None, "this", None) for node in names if node.type == "this" and _is_modules(node)
        ]
    return tuple(sorted(found, key=lambda one: one.node.start_byte))


def _aliases(found: Export) -> Iterator[bytes]:
    """The variable that an export is also known by: `const self = module.exports`, `var app = exports = {}`."""
    if found.key is not None or (found.value is not None and not found.is_whole):
        return  # `const count = exports.count = 0` gives a property's value a name.
    node: Node | None = found.node
    while node is not None and node.type == "assignment_expression":
        node = parent_of(node)
    if node is not None and node.type == "variable_declarator":
        name = node.child_by_field_name("name")
        if name is not None and name.type == "identifier" and name.text not in _OWN and name.text is not None:
            yield name.text


def _is_variable(found: Export) -> bool:
    """Whether a variable's value is exported whole: `module.exports = api`."""
    is_name = found.value is not None and found.value.type == "identifier"
    return found.is_whole and is_name and found.value is not None and found.value.text not in _OWN


def _is_modules(this: Node) -> bool:
    """Whether `this` is the module's own, which is its exports: no function but an arrow is around it."""
    return all(one.type == "arrow_function" for one in _functions_around(this))


def _writes(source: Source, this: Node) -> Iterator[Export]:
    """The properties of `this` that are assigned; what else is done with it exports nothing by itself."""
    parent = parent_of(this)
    if parent is not None and parent.type in ("member_expression", "subscript_expression"):
        yield from _property_use(source, parent, this, "this")


def _export(source: Source, node: Node) -> Iterator[Export]:
    whole, via = node, "exports"
    if node.text == b"module":
        parent = parent_of(node)
        if parent is None or _member(source, parent, node) != "exports":
            given = parent is not None and parent.type == "arguments" and not _is_agents(source, parent)
            if given and not is_shadowed(node, node.text or b""):
                yield _made(node, None, "module", None)
            return
        whole, via = parent, "module.exports"
    holder = parent_of(whole)
    if holder is None or is_shadowed(node, node.text or b""):
        return
    if _is_binding(node):
        # `var exports = {}` makes another object of it, from there on.
        value = holder.child_by_field_name("value")
        if value is not None and not any(True for _ in _functions_around(node)):
            yield _made(holder, None, via, value, is_whole=True)
        return
    yield from _use(source, whole, via)


def _is_agents(source: Source, arguments: Node) -> bool:
    """Whether it is the agent that gets the module, `twistlock.protect(module, "handler")`."""
    call = parent_of(arguments)
    callee = "" if call is None else text_of(source, call.child_by_field_name("function"))
    return "twistlock" in callee and callee.endswith((".protect", ".guard"))


def _use(source: Source, whole: Node, via: str) -> Iterator[Export]:
    """What the parent of `exports` or `module.exports` does with it."""
    parent = parent_of(whole)
    if parent is None or parent.type in _READS:
        return
    if parent.type in ("member_expression", "subscript_expression"):
        yield from _property_use(source, parent, whole, via)
    elif parent.type == "assignment_expression" and parent.child_by_field_name("left") == whole:
        yield _made(parent, None, via, parent.child_by_field_name("right"), is_whole=True)
    elif parent.type == "arguments":
        yield from _argument_use(source, parent, via)
    elif not _is_chained(parent):
        yield _made(parent, None, via, None)


def _is_chained(parent: Node) -> bool:
    """`x = exports = ...` and `return exports`: nothing is exported by that."""
    return parent.type in ("return_statement", "expression_statement")


def _property_use(source: Source, member: Node, whole: Node, via: str) -> Iterator[Export]:
    if member.child_by_field_name("object") != whole:
        yield _made(member, None, via, None)
        return
    key = _member(source, member, whole)
    parent = parent_of(member)
    if parent is None:
        return
    writes = parent.type in ("assignment_expression", "augmented_assignment_expression")
    if writes and parent.child_by_field_name("left") == member:
        yield _made(parent, key, via, parent.child_by_field_name("right"))
    elif key in _DEFINING:
        yield _made(parent, None, via, None)
    elif _changes(source, parent):
        yield _made(parent, key, via, None)


def _changes(source: Source, parent: Node) -> bool:
    """Whether what is done with a property, `delete` or an assignment of patterns, changes it."""
    if parent.type == "unary_expression":
        return text_of(source, parent).startswith("delete")
    return parent.type in ("object_assignment_pattern", "array_pattern", "pair_pattern")


def _argument_use(source: Source, arguments: Node, via: str) -> Iterator[Export]:
    """The exports handed to a function; `Object.defineProperty` names what it changes."""
    call = parent_of(arguments)
    if call is None:
        return
    given = arguments.named_children
    if text_of(source, call.child_by_field_name("function")) == "Object.defineProperty" and len(given) == 3:
        yield _made(call, string_value(source, given[1]), via, None)
    else:
        yield _made(call, None, via, None)


def _member(source: Source, member: Node, whole: Node) -> str | None:
    """The property that a member expression takes of `whole`, where its name is written down."""
    if member.child_by_field_name("object") != whole:
        return None
    if member.type == "member_expression":
        return text_of(source, member.child_by_field_name("property"))
    if member.type == "subscript_expression":
        return string_value(source, member.child_by_field_name("index"))
    return None


def _made(node: Node, key: str | None, via: str, value: Node | None, *, is_whole: bool = False) -> Export:
    is_write = is_whole or node.type in _WRITES or _is_objects(node)
    return Export(node, key, via, value, is_whole, _is_late(node), _is_statement(node), is_write)


def _is_objects(call: Node) -> bool:
    """Whether a function of `Object` or `Reflect` gets the exports, those first that change them."""
    callee = call.child_by_field_name("function") if call.type == "call_expression" else None
    return callee is not None and (callee.text or b"").startswith(
        (b"Object.assign", b"Object.define", b"Reflect.")
    )


def _is_statement(node: Node) -> bool:
    """Whether an assignment is a statement of the module's own, by itself or in a chain of assignments."""
    parent = parent_of(node)
    while parent is not None and parent.type == "assignment_expression":
        parent = parent_of(parent)
    holder = None if parent is None or parent.type != "expression_statement" else parent_of(parent)
    return node.type == "assignment_expression" and holder is not None and holder.type == "program"


def _functions_around(node: Node) -> Iterator[Node]:
    current = function_around(node)
    while current is not None:
        yield current
        current = function_around(current)


def _is_late(node: Node) -> bool:
    return any(not (is_called_at_once(one) or _is_callback(one)) for one in _functions_around(node))


@lru_cache(maxsize=1 << 15)
def _is_callback(function: Node) -> bool:
    """Whether a function is given to a method such as `forEach`, which calls it before it returns."""
    if any(child.type in ("async", "*") for child in function.children):
        return False
    arguments = parent_of(function)
    call = None if arguments is None or arguments.type != "arguments" else parent_of(arguments)
    if call is None or call.type != "call_expression":
        return False
    method = call.child_by_field_name("function")
    name = None if method is None else method.child_by_field_name("property")
    return name is not None and (name.text or b"").decode() in _AT_ONCE


def _is_binding(node: Node) -> bool:
    """Whether the identifier is a declaration's or a parameter's own name."""
    parent = parent_of(node)
    if parent is None:
        return False
    if parent.type == "variable_declarator":
        return parent.child_by_field_name("name") == node
    return parent.type in ("formal_parameters", "function_declaration", "function_expression", "rest_pattern")
