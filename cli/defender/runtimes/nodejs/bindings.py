"""What a name that an ES module exports stands for: the facts that decide how its handler is wrapped.

It says what the source says; which forms are supported, and where, is `esm`'s business.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from defender.edits.source import Source, walk
from defender.errors import DetectionError, RewriteRefused
from defender.runtimes.nodejs import values
from defender.runtimes.nodejs.modules import Module
from defender.runtimes.nodejs.scopes import is_shadowed
from defender.runtimes.nodejs.source import FUNCTIONS, parent_of, statements, text_of

if TYPE_CHECKING:
    from tree_sitter import Node

# What a parser makes of a function or class that `export default` declares without a name.
DECLARED_BY_DEFAULT = ("function_expression", "generator_function", "class")
# What makes an object whose properties can be changed, and what takes that away.
_CHANGEABLE = ("object", "class", "class_declaration", "new_expression", *FUNCTIONS)
_FIXING = re.compile(rb"\b(?:freeze|seal|preventExtensions|definePropert)")


@dataclass(frozen=True)
class Binding:
    """What an exported name stands for.

    `value` is an expression that can be wrapped where it stands; `local` a binding that can be assigned to;
    with neither, the name comes from elsewhere (`node`) and only a facade can wrap it.
    """

    node: Node
    value: Node | None = None
    local: str | None = None
    named: str | None = None


def binding(source: Source, module: Module) -> Binding:
    """What the handler's export stands for.

    Raises DetectionError where the module exports no such name and no other module's names,
    RewriteRefused where the name may get another value later.
    """
    key = module.keys[0]
    found = next((one for one in _exported(source, key) if one is not None), None)
    if found is None:
        stars = [one for one in statements(source) if _is_star(one)]
        if not stars or key == "default":
            raise DetectionError(
                f"the module exports no {key!r}",
                path=source.path,
                hint="name the handler with --handler file.export",
            )
        found = Binding(stars[0])
    if len(module.keys) > 1:
        return _nested(source, found, module)
    if found.local is not None:
        refuse_rebinding(source, found.local)
    return found


def _nested(source: Source, found: Binding, module: Module) -> Binding:
    """A property of what is exported: replaced at the end, by the name that the module has for the object."""
    name = found.local or found.named
    shown = found.value if found.value is not None else valued(source, found)
    is_open = shown is not None and shown.type in _CHANGEABLE and not _FIXING.search(source.data)
    if name is None or name == "default" or not is_open:
        line, column = source.position(found.node.start_byte)
        raise RewriteRefused(
            f"{module.export!r} is a property of something that has no name in this module, or may be frozen",
            path=source.path,
            line=line,
            column=column,
            hint="export the handler itself",
        )
    return Binding(found.node, local=name)


def _is_star(statement: Node) -> bool:
    """Whether a statement is `export * from ...`, without a name."""
    return (
        statement.type == "export_statement"
        and any(child.type == "*" for child in statement.children)
        and not any(child.type == "namespace_export" for child in statement.children)
    )


def _exported(source: Source, key: str) -> Iterator[Binding | None]:
    """The binding that each export statement gives a name."""
    for statement in statements(source):
        if statement.type != "export_statement":
            continue
        if any(child.type == "default" for child in statement.children):
            yield _default(source, statement) if key == "default" else None
        declaration = statement.child_by_field_name("declaration")
        if declaration is not None and not any(child.type == "default" for child in statement.children):
            yield _declared(source, statement, declaration, key)
        for one in statement.named_children:
            if one.type == "export_clause":
                yield _listed(source, statement, one, key)
            elif one.type == "namespace_export" and text_of(source, one.named_children[-1]) == key:
                yield Binding(statement)


def _default(source: Source, statement: Node) -> Binding:
    value = statement.child_by_field_name("value")
    declaration = statement.child_by_field_name("declaration")
    if value is not None:
        return Binding(statement, value=_leftmost(value), named="default")
    name = None if declaration is None else declaration.child_by_field_name("name")
    if name is not None:
        return Binding(statement, local=text_of(source, name))
    return Binding(statement, value=declaration, named="default")


def _leftmost(value: Node) -> Node:
    """The function that `export default` declares, where a parser takes what follows it for a call of it."""
    node: Node | None = value
    while node is not None and node.start_byte == value.start_byte:
        if node.type in DECLARED_BY_DEFAULT:
            return node
        node = next(iter(node.named_children), None)
    return value


def _declared(source: Source, statement: Node, declaration: Node, key: str) -> Binding | None:
    if declaration.type not in ("lexical_declaration", "variable_declaration"):
        is_it = text_of(source, declaration.child_by_field_name("name")) == key
        if is_it and declaration.type in FUNCTIONS:
            return Binding(statement, local=key)
        return Binding(statement) if is_it else None
    return _variable(source, statement, declaration, key)


def _variable(source: Source, statement: Node, declaration: Node, name: str) -> Binding | None:
    """A variable of this name: its value where that is final, else the binding."""
    for one in declaration.named_children:
        target = one.child_by_field_name("name")
        if target is None or one.type != "variable_declarator":
            continue
        if target.type != "identifier":
            if any(text_of(source, inner) == name for inner in walk(target)):
                return Binding(statement)
            continue
        if text_of(source, target) == name:
            value = one.child_by_field_name("value")
            if value is not None and not _assignments(source, name) and not _is_declared_again(source, name):
                return Binding(statement, value=value, named=name)
            return Binding(statement, local=name)
    return None


def _is_declared_again(source: Source, name: str) -> bool:
    """Whether the module has the `var` more than once."""
    found = [
        node
        for node in walk(source.root, lambda inner: inner.type not in FUNCTIONS)
        if node.type == "variable_declarator"
        and text_of(source, node.child_by_field_name("name")) == name
        and node.parent is not None
        and node.parent.type == "variable_declaration"
    ]
    return len(found) > 1


def _listed(source: Source, statement: Node, clause: Node, key: str) -> Binding | None:
    """A name in `export { local as key }`, or in such a list with `from`."""
    locals_: dict[str, list[str]] = {}
    for one in clause.named_children:
        if one.type == "export_specifier":
            name = text_of(source, one.child_by_field_name("name"))
            alias = one.child_by_field_name("alias")
            exported = (name if alias is None else text_of(source, alias)).strip("'\"")
            locals_.setdefault(exported, []).append(name)
    if key not in locals_:
        return None
    if statement.child_by_field_name("source") is not None:
        return Binding(statement)
    local = locals_[key][0]
    if sum(names[0] == local for names in locals_.values()) > 1:
        return Binding(statement)  # another export would be wrapped along with it
    return _local(source, statement, local)


def _local(source: Source, statement: Node, name: str) -> Binding:
    for one in statements(source):
        declaration = one.child_by_field_name("declaration") or one
        if declaration.type in ("lexical_declaration", "variable_declaration"):
            found = _variable(source, statement, declaration, name)
            if found is not None:
                is_exported_too = one.type == "export_statement"
                return Binding(statement) if is_exported_too else found
        elif (
            declaration.type in FUNCTIONS and text_of(source, declaration.child_by_field_name("name")) == name
        ):
            return Binding(statement) if one.type == "export_statement" else Binding(statement, local=name)
    return Binding(statement)


def valued(source: Source, found: Binding) -> Node | None:
    """The value of what is exported, where the source shows one and no other."""
    if found.value is not None or found.local is None:
        return found.value
    shown = values.declarations(source, found.local)
    return shown[0] if len(shown) == 1 else None


def _assignments(source: Source, name: str) -> list[Node]:
    """Where the module's variable is assigned to, its declaration apart."""
    return [
        node
        for node, left in _all_assignments(source)
        if _binds(source, left, name) and not is_shadowed(node, name.encode())
    ]


@lru_cache(maxsize=4)
def _all_assignments(source: Source) -> tuple[tuple[Node, Node], ...]:
    """Every assignment, and what it assigns to: found once, for a bundle has a million nodes."""
    kinds = ("assignment_expression", "augmented_assignment_expression", "for_in_statement")
    found = ((node, node.child_by_field_name("left")) for node in walk(source.root) if node.type in kinds)
    return tuple((node, left) for node, left in found if left is not None)


def _binds(source: Source, left: Node, name: str) -> bool:
    if left.type in ("member_expression", "subscript_expression"):
        return False
    kinds = ("identifier", "shorthand_property_identifier_pattern")
    return any(node.type in kinds and text_of(source, node) == name for node in walk(left))


def refuse_rebinding(source: Source, name: str) -> None:
    """Raise RewriteRefused where a function assigns the name: it may do so after the wrapping."""
    for node in _assignments(source, name):
        current = parent_of(node)
        while current is not None:
            if current.type in FUNCTIONS:
                line, column = source.position(node.start_byte)
                raise RewriteRefused(
                    f"{name!r} is assigned in a function, which may undo the wrapping",
                    path=source.path,
                    line=line,
                    column=column,
                    hint="export a function that is bound once",
                )
            current = parent_of(current)
