"""Where a Ruby file's statements stand: at the top level, in a module or class, or in a singleton class.

It says what the source says; which method a handler means is `bindings`' business.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from defender.edits.source import Source
from defender.runtimes.ruby.source import statements

if TYPE_CHECKING:
    from tree_sitter import Node

# Nodes that hold statements of the scope around them.
_BLOCKS = frozenset(
    (
        "program",
        "body_statement",
        "then",
        "else",
        "elsif",
        "begin",
        "ensure",
        "rescue",
        "if",
        "unless",
        "case",
        "when",
        "do",
        "while",
        "until",
        "for",
        "case_match",
        "in_clause",
        "parenthesized_statements",
    )
)
_MAKERS = frozenset({"Class.new", "Module.new", "Struct.new", "Data.define"})


class Kind(Enum):
    """What `self` and `def` mean in a scope."""

    MAIN = "main"
    MODULE = "module"
    SINGLETON = "singleton"


@dataclass(frozen=True)
class Scope:
    """A body of code: the constant that it belongs to, and what a `def` in it defines.

    `is_block` is true of `Name = Class.new do ... end`, where constants are not the new class's.
    """

    kind: Kind
    path: tuple[str, ...]
    is_block: bool = False

    def named(self, written: tuple[str, ...]) -> set[tuple[str, ...]]:
        """All constants that a name written in this scope may mean; a name that begins with "" is absolute."""
        if written[:1] == ("",):
            return {written[1:]}
        return {self.path[:count] + written for count in range(len(self.path) + 1)}


@dataclass(frozen=True)
class Placed:
    """One statement, the scope it stands in, and the node whose statement it is."""

    node: Node
    scope: Scope
    block: Node


def placed(source: Source) -> Iterator[Placed]:
    """Every statement of the file outside of methods and of blocks that make no class, in source order.

    Statements that hold statements, such as `if`, come before those.
    """
    yield from _in_block(source, source.root, Scope(Kind.MAIN, ()))


def is_new_class(source: Source, node: Node | None) -> bool:
    """Whether an expression makes a class or module and says in a block what is in it: `Class.new do ... end`."""
    if node is None or node.type != "call" or node.child_by_field_name("block") is None:
        return False
    parts = [node.child_by_field_name(field) for field in ("receiver", "method")]
    made = ".".join("" if one is None else source.bytes_of(one).decode("utf-8", "replace") for one in parts)
    return made.removeprefix("::") in _MAKERS


def constant(source: Source, node: Node | None) -> tuple[str, ...] | None:
    """The parts of a constant's name as written, the first of them "" for `::Name`; None for anything else."""
    if node is None or node.type not in ("constant", "scope_resolution"):
        return None
    parts = tuple("".join(source.bytes_of(node).decode("utf-8", "replace").split()).split("::"))
    return parts if all(part.isidentifier() for part in parts[1:]) else None


def _in_block(source: Source, block: Node, scope: Scope) -> Iterator[Placed]:
    for node in statements(block):
        yield Placed(node, scope, block)
        inner = _opened(source, node, scope)
        if inner is not None:
            body = node.child_by_field_name("body")
            if body is not None:
                yield from _in_block(source, body, inner)
        elif node.type in _BLOCKS:
            yield from _in_block(source, node, scope)
        elif node.type == "assignment" and is_new_class(source, node.child_by_field_name("right")):
            yield from _in_new_class(source, node, scope)


def _in_new_class(source: Source, assignment: Node, scope: Scope) -> Iterator[Placed]:
    name = constant(source, assignment.child_by_field_name("left"))
    right = assignment.child_by_field_name("right")
    block = right.child_by_field_name("block") if right is not None else None
    body = block.child_by_field_name("body") if block is not None else None
    if name is not None and body is not None and scope.kind is not Kind.SINGLETON and not scope.is_block:
        path = name[1:] if name[0] == "" else scope.path + name
        yield from _in_block(source, body, Scope(Kind.MODULE, path, is_block=True))


def _opened(source: Source, node: Node, scope: Scope) -> Scope | None:
    """The scope of a class's, module's or singleton class's body."""
    if node.type in ("class", "module"):
        name = constant(source, node.child_by_field_name("name"))
        if name is None:
            return Scope(Kind.MODULE, (*scope.path, "?"))
        path = name[1:] if name[0] == "" else scope.path + name
        # A class inside of a singleton class or of a block has no name that a handler could give.
        is_nameless = scope.kind is Kind.SINGLETON or scope.is_block
        return Scope(Kind.MODULE, (*scope.path, "?") if is_nameless else path)
    if node.type == "singleton_class":
        value = node.child_by_field_name("value")
        if value is not None and value.type == "self" and scope.kind is Kind.MODULE:
            return Scope(Kind.SINGLETON, scope.path)
        name = constant(source, value)
        if name is not None:
            return Scope(Kind.SINGLETON, name[1:] if name[0] == "" else _nearest(scope, name))
        return Scope(Kind.SINGLETON, ("?",))
    return None


def _nearest(scope: Scope, name: tuple[str, ...]) -> tuple[str, ...]:
    """A constant named in its own body or beside it is that one; elsewhere it is taken to be absolute."""
    for count in range(len(scope.path), 0, -1):
        if scope.path[count - 1 : count] == name[:1]:
            return scope.path[: count - 1] + name
    return name
