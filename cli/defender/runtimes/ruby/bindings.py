"""Where a Ruby file defines the method that a handler means: the facts that decide how it is wrapped.

It says what the source says; what is inserted is `wrapping`'s business, what can't be trusted `rebinding`'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from defender.edits.source import Source
from defender.runtimes.ruby.handlers import Target
from defender.runtimes.ruby.scopes import Kind, Placed, Scope, constant, placed
from defender.runtimes.ruby.source import statements

if TYPE_CHECKING:
    from tree_sitter import Node

VISIBILITY = frozenset(
    {"private", "public", "protected", "module_function", "private_class_method", "public_class_method"}
)
_DEFINERS = {"define_method": Kind.SINGLETON, "define_singleton_method": Kind.MODULE}
_OBJECT = (b"Object", b"::Object", b"self.class")


@dataclass(frozen=True)
class Binding:
    """One place that defines the method.

    `opening` is what a definition of the same method has to be put into ("" for the place itself), `prefix` what
    stands before its `def`, `beside` whether the module's own copy needs the original as well (module_function),
    `signature` the call of Sorbet's `sig` above it.
    """

    node: Node
    statement: Node
    opening: str = ""
    prefix: str = ""
    beside: bool = False
    signature: Node | None = None


def bindings(source: Source, target: Target) -> list[Binding]:
    """All definitions of the method outside of methods and blocks, in source order."""
    everything = list(placed(source))
    return [found for one in everything for found in _bound(source, target, one, everything)]


def symbol(source: Source, node: Node | None) -> str | None:
    """The name that a symbol or string literal holds."""
    if node is None:
        return None
    text = source.bytes_of(node).decode("utf-8", "replace")
    if node.type == "simple_symbol":
        return text[1:]
    if node.type in ("string", "delimited_symbol"):
        inner = [child for child in node.named_children if child.type == "string_content"]
        whole = len(inner) == len(node.named_children) == 1
        return source.bytes_of(inner[0]).decode("utf-8", "replace") if whole else None
    return text if node.type in ("identifier", "constant") else None


def arguments(node: Node) -> list[Node]:
    """The arguments of a call."""
    given = node.child_by_field_name("arguments")
    return [] if given is None else statements(given)


def called(source: Source, node: Node) -> str | None:
    """The name of the method that a call names."""
    name = node.child_by_field_name("method") if node.type == "call" else None
    return None if name is None else source.bytes_of(name).decode("utf-8", "replace")


def is_module_function(source: Source, one: Placed, everything: list[Placed]) -> bool:
    """Whether a `def` at this place is also a method of the module itself, by `module_function`."""
    if one.scope.kind is not Kind.MODULE:
        return False
    mode = None
    for other in everything:
        if other.scope != one.scope:
            continue
        text = source.bytes_of(other.node).decode("utf-8", "replace")
        if (
            other.node.type == "identifier"
            and text in VISIBILITY
            and other.node.start_byte < one.node.start_byte
        ):
            mode = text
    return mode == "module_function" or called(source, one.node) == "module_function"


def is_named_module_function(source: Source, node: Node, name: str) -> bool:
    """Whether the statement is `module_function :name`."""
    return called(source, node) == "module_function" and name in [
        symbol(source, argument) for argument in arguments(node)
    ]


def extends_itself(source: Source, scope: Scope, everything: list[Placed]) -> bool:
    """Whether the module's own body says `extend self`."""
    return any(
        other.scope == scope
        and called(source, other.node) == "extend"
        and any(argument.type == "self" for argument in arguments(other.node))
        for other in everything
    )


def _bound(source: Source, target: Target, one: Placed, everything: list[Placed]) -> Iterator[Binding]:
    prefix, node = _unwrapped(source, one.node)
    found = (
        _by_def(source, target, one, node, prefix, everything)
        or _by_alias(source, target, one, node)
        or _by_definer(source, target, one, node)
        or _by_constant(source, target, one, node)
    )
    if found is not None:
        yield replace(found, signature=_signature(source, one.node))


def _signature(source: Source, statement: Node) -> Node | None:
    """The call of `sig` that stands above a definition; a bare `private` and comments may stand between."""
    before = statement.prev_named_sibling
    while before is not None and (
        before.type == "comment"
        or (before.type == "identifier" and source.bytes_of(before).decode("utf-8", "replace") in VISIBILITY)
    ):
        before = before.prev_named_sibling
    return before if before is not None and called(source, before) == "sig" else None


def _unwrapped(source: Source, node: Node) -> tuple[str, Node]:
    """The definition in `private def ...` or `NAME = def ...`, and what has to stand before a second one."""
    prefix = ""
    while True:
        if node.type == "call" and called(source, node) in VISIBILITY and len(arguments(node)) == 1:
            prefix += f"{called(source, node)} "
            node = arguments(node)[0]
        elif node.type == "assignment" and node.named_children[-1].type in ("method", "singleton_method"):
            node = node.named_children[-1]
        elif node.type == "rescue_modifier" and _is_endless(node.named_children[0]):
            node = node.named_children[0]
        else:
            return prefix, node


def _is_endless(node: Node) -> bool:
    return any(child.type == "=" for child in node.children)


def _by_def(
    source: Source, target: Target, one: Placed, node: Node, prefix: str, everything: list[Placed]
) -> Binding | None:
    name = node.child_by_field_name("name") if node.type in ("method", "singleton_method") else None
    if name is None or source.bytes_of(name).decode("utf-8", "replace") != target.method:
        return None
    if node.type == "singleton_method":
        opening = _singleton_of(source, target, one.scope, node.child_by_field_name("object"))
        inside = prefix.replace("private_class_method", "private").replace("public_class_method", "public")
        return Binding(node, one.node, opening, inside) if opening else None
    return _plain_def(source, target, one, node, prefix, everything)


def _plain_def(
    source: Source, target: Target, one: Placed, node: Node, prefix: str, everything: list[Placed]
) -> Binding | None:
    scope = one.scope
    if scope.kind is Kind.MODULE:
        beside = is_module_function(source, one, everything)
        named = any(
            other.scope == scope and is_named_module_function(source, other.node, target.method)
            for other in everything
        )
        is_own = beside or named or extends_itself(source, scope, everything)
        return (
            Binding(node, one.node, "", prefix, beside) if is_own and scope.path == target.constant else None
        )
    return Binding(node, one.node, "", prefix) if scope.path == target.constant else None


def _singleton_of(source: Source, target: Target, scope: Scope, owner: Node | None) -> str:
    """How the singleton class of a `def owner.name` is opened, if the target is a method of that owner."""
    if owner is None or not target.constant:
        return ""
    if owner.type == "self":
        return "class << self" if scope.kind is Kind.MODULE and scope.path == target.constant else ""
    name = constant(source, owner)
    if name is None or target.constant not in scope.named(name):
        return ""
    return f"class << {source.bytes_of(owner).decode('utf-8', 'replace')}"


def _by_alias(source: Source, target: Target, one: Placed, node: Node) -> Binding | None:
    if one.scope.path != target.constant or one.scope.kind is Kind.MODULE:
        return None
    if node.type == "alias":
        name = symbol(source, node.child_by_field_name("name"))
    elif called(source, node) == "alias_method" and len(arguments(node)) == 2:
        is_plain = node.child_by_field_name("receiver") is None and one.scope.kind is Kind.SINGLETON
        name = symbol(source, arguments(node)[0]) if is_plain else None
    else:
        return None
    return Binding(node, one.node) if name == target.method else None


def _by_definer(source: Source, target: Target, one: Placed, node: Node) -> Binding | None:
    name = called(source, node)
    given = arguments(node)
    if name in ("send", "__send__") and given and symbol(source, given[0]) == "define_method":
        name, given = "define_method", given[1:]
    if name not in _DEFINERS or not given or symbol(source, given[0]) != target.method:
        return None
    owner = node.child_by_field_name("receiver")
    if name == "define_singleton_method":
        if owner is None:
            is_own = one.scope.kind is Kind.MODULE and one.scope.path == target.constant
            return Binding(node, one.node, "class << self") if is_own else None
        opening = _singleton_of(source, target, one.scope, owner)
        return Binding(node, one.node, opening) if opening else None
    if owner is None:
        is_own = one.scope.kind is Kind.SINGLETON and one.scope.path == target.constant
        return Binding(node, one.node) if is_own else None
    is_objects = source.bytes_of(owner) in _OBJECT and not target.constant
    return Binding(node, one.node, "class Object") if is_objects and one.scope.kind is Kind.MAIN else None


def _by_constant(source: Source, target: Target, one: Placed, node: Node) -> Binding | None:
    """`HANDLER = ->(event:, context:) { ... }`, called as `file.HANDLER.call`."""
    if node.type != "assignment" or target.method != "call" or not target.constant:
        return None
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    name = constant(source, left)
    is_nameless = one.scope.kind is Kind.SINGLETON or one.scope.is_block
    if left is None or right is None or name is None or is_nameless:
        return None
    path = name[1:] if name[0] == "" else one.scope.path + name
    if path != target.constant or not _is_closure(source, right):
        return None
    return Binding(node, one.node, f"class << {source.bytes_of(left).decode('utf-8', 'replace')}")


def _is_closure(source: Source, node: Node) -> bool:
    """Whether the value is a new lambda or proc, which nobody can have frozen."""
    if node.type == "lambda":
        return True
    if node.type != "call" or node.child_by_field_name("block") is None or arguments(node):
        return False
    owner = node.child_by_field_name("receiver")
    if owner is not None:
        return source.bytes_of(owner) == b"Proc" and called(source, node) == "new"
    return called(source, node) in ("lambda", "proc")
