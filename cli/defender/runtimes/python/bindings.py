"""Where a Python module binds a name: the facts that decide how a handler is wrapped.

It says what the source says; which forms are supported is `wrapping`'s business. Errs towards seeing a
binding too many: that leads to wrapping at the end of the module, which holds for every binding.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from defender.edits.source import Source, walk

if TYPE_CHECKING:
    from tree_sitter import Node

_TARGETS = {
    "assignment": "left",
    "augmented_assignment": "left",
    "for_statement": "left",
    "named_expression": "name",
    "type_alias_statement": "left",
    "function_definition": "name",
    "class_definition": "name",
}
SCOPES = ("function_definition", "class_definition")


@dataclass(frozen=True)
class Binding:
    """One place that binds a name in the module's scope; `statement` is the module's own statement."""

    node: Node
    statement: Node

    @property
    def function(self) -> Node | None:
        """The function definition, where the binding is a `def` at the top level."""
        definition = self.statement
        if definition.type == "decorated_definition":
            definition = definition.child_by_field_name("definition") or definition
        is_def = definition.type == "function_definition"
        return definition if is_def and self.node.parent == definition else None


def statements(source: Source) -> list[Node]:
    """The module's statements, comments left out."""
    return [node for node in source.root.named_children if node.type != "comment"]


def name_of(source: Source, node: Node) -> str:
    """An identifier as Python compares it (PEP 3131: NFKC)."""
    return unicodedata.normalize("NFKC", source.bytes_of(node).decode("utf-8", "replace"))


def bindings(source: Source, name: str) -> list[Binding]:
    """All bindings of `name` in the module's scope, in source order; star imports not counted."""
    return [
        Binding(node, statement)
        for statement in statements(source)
        for scoped in walk(statement, _in_module_scope)
        for node in targets(scoped)
        if name_of(source, node) == name
    ]


def star_imports(source: Source) -> list[Node]:
    """`from x import *` and other code at module level that may bind any name at all."""
    found = []
    for node in walk(source.root, _in_module_scope):
        if node.type == "wildcard_import" or (
            node.type == "call" and callee(source, node) in ("exec", "execfile")
        ):
            found.append(node)
        elif node.type == "call" and callee(source, node) in ("globals", "locals", "vars"):
            found += [node] if not node.named_children[-1].named_children else []
    return found


def is_certain(source: Source, name: str) -> bool:
    """Whether `name` is bound whenever the module was run to its end."""
    if any(_is_unbound_again(bound.node) for bound in bindings(source, name)):
        return False
    return _block_binds(source, statements(source), name)


def _is_unbound_again(node: Node) -> bool:
    """Whether it is the name in `except ... as name`, which Python deletes behind the clause."""
    parent = node.parent
    while parent is not None and parent.type in ("as_pattern_target", "as_pattern"):
        parent = parent.parent
    return parent is not None and parent.type in ("except_clause", "except_group_clause")


def _block_binds(source: Source, block: Iterable[Node], name: str) -> bool:
    return any(_statement_binds(source, statement, name) for statement in block)


def _statement_binds(source: Source, statement: Node, name: str) -> bool:
    """Whether running this statement to its end leaves `name` bound, whichever way it takes.

    Not so for loops, and for `with`, which may swallow an exception of its body.
    """
    if statement.type in ("for_statement", "while_statement", "match_statement", "with_statement"):
        return False
    if statement.type in ("if_statement", "try_statement"):
        binds: dict[str, list[bool]] = {}
        for clause in statement.named_children:
            if clause.type == "block" or clause.type.endswith("_clause"):
                block = clause.named_children if clause.type == "block" else _inner(clause)
                binds.setdefault(clause.type, []).append(_block_binds(source, block, name))
        return _if_binds(binds) if statement.type == "if_statement" else _try_binds(binds)
    return any(name_of(source, target) == name for target in _targets_in(statement))


def _if_binds(binds: dict[str, list[bool]]) -> bool:
    return all(binds["block"] + binds.get("elif_clause", []) + binds.get("else_clause", [False]))


def _try_binds(binds: dict[str, list[bool]]) -> bool:
    body = any(binds["block"] + binds.get("else_clause", []))
    handled = all(binds.get("except_clause", []) + binds.get("except_group_clause", []))
    return any(binds.get("finally_clause", [])) or (body and handled)


def _inner(clause: Node) -> list[Node]:
    return [node for one in clause.named_children if one.type == "block" for node in one.named_children]


def _targets_in(statement: Node) -> Iterator[Node]:
    """What the statement binds in any case; an assignment expression may be skipped, as in `x and (y := z)`."""
    if statement.type != "delete_statement":
        for node in walk(statement, _in_module_scope):
            if node.type != "named_expression":
                yield from targets(node)


def _in_module_scope(node: Node) -> bool:
    if node.type == "lambda":
        return False
    return not (node.type == "block" and node.parent is not None and node.parent.type in SCOPES)


def targets(node: Node) -> Iterator[Node]:
    """The identifiers that this one node binds, nodes below it not counted."""
    if node.type == "assignment" and node.child_by_field_name("right") is None:
        return  # an annotation without a value binds nothing
    if node.type in _TARGETS:
        target = node.child_by_field_name(_TARGETS[node.type])
        yield from identifiers(target)
    elif node.type in ("as_pattern_target", "delete_statement", "case_pattern"):
        yield from identifiers(node)
    elif node.type in ("import_statement", "import_from_statement"):
        for imported in node.children_by_field_name("name"):
            alias = imported.child_by_field_name("alias")
            yield alias if alias is not None else imported.named_children[0]


def identifiers(target: Node | None) -> Iterator[Node]:
    """Identifiers in a target; `a.b` and `a[b]` bind no name."""
    if target is None:
        return
    for node in walk(target, lambda node: node.type not in ("attribute", "subscript", "call")):
        if node.type == "identifier" and (
            node == target
            or node.parent is None
            or node.parent.type not in ("attribute", "subscript", "call")
        ):
            yield node


def callee(source: Source, call: Node) -> str:
    """The text of what a call calls."""
    function = call.child_by_field_name("function")
    return "" if function is None else source.bytes_of(function).decode("utf-8", "replace")
