"""What `self` is where a Ruby node stands, as far as the text shows: whose methods would be defined there.

Says what the source says; whether that is the handler's is `rebinding`'s business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from defender.edits.source import Source
from defender.runtimes.ruby.bindings import called
from defender.runtimes.ruby.scopes import Kind, constant, is_new_class

if TYPE_CHECKING:
    from tree_sitter import Node

_METHODS = frozenset({"method", "singleton_method"})
_BLOCKS = frozenset({"block", "do_block", "lambda"})
# Calls whose block runs at once, with the `self` that is around it.
_ITERATORS = frozenset(
    {"each", "each_with_index", "each_with_object", "each_pair", "each_key", "each_value", "each_slice"}
    | {"map", "flat_map", "select", "reject", "times", "upto", "loop", "tap", "then", "inject", "reduce"}
)
# Calls whose block's `self` is what they are called on.
_OPENERS = frozenset({"class_eval", "class_exec", "module_eval", "module_exec"})


@dataclass(frozen=True)
class Owner:
    """The class or module that a place belongs to, by the last part of its name; "" at the top level.

    `path` is the whole name, where nothing but the text of plain names around it decides that. `is_class` is false for
    what may be a module: only a module's methods can be made its own.
    """

    kind: Kind
    name: str
    is_class: bool = False
    path: tuple[str, ...] | None = None


def owner(source: Source, node: Node) -> Owner | None:
    """Whose body `node` stands in; None where code runs later, or where the text does not show it."""
    current, is_singleton = node.parent, False
    while current is not None:
        if current.type in _METHODS:
            return None
        if current.type in _BLOCKS:
            if not _keeps_self(source, current):
                return _opened(source, current, is_singleton)
        elif current.type == "singleton_class":
            value = current.child_by_field_name("value")
            if value is None or value.type != "self":
                return _named(constant(source, value), Kind.SINGLETON)
            is_singleton = True
        elif current.type in ("class", "module"):
            name = constant(source, current.child_by_field_name("name"))
            kind = Kind.SINGLETON if is_singleton else Kind.MODULE
            return _named(name, kind, current.type == "class", _path(source, current))
        current = current.parent
    return Owner(Kind.SINGLETON if is_singleton else Kind.MAIN, "")


def is_run_later(node: Node) -> bool:
    """Whether the node stands in a method, so that it takes effect only when that is called."""
    current = node.parent
    while current is not None:
        if current.type in _METHODS:
            return True
        current = current.parent
    return False


def _named(
    name: tuple[str, ...] | None, kind: Kind, is_class: bool = False, path: tuple[str, ...] | None = None
) -> Owner | None:
    return None if name is None else Owner(kind, name[-1], is_class, path)


def _path(source: Source, opened: Node) -> tuple[str, ...] | None:
    """The whole name of a class or module; None where a name of several parts may lead to an inherited constant."""
    parts: tuple[str, ...] = ()
    current: Node | None = opened
    while current is not None:
        if current.type in ("class", "module"):
            name = constant(source, current.child_by_field_name("name"))
            if name is not None and len(name) == 2 and name[0] == "":
                return (name[1], *parts)
            if name is None or len(name) > 1:
                return None
            parts = (*name, *parts)
        elif current.type not in ("program", "body_statement"):
            return None
        current = current.parent
    return parts


def _keeps_self(source: Source, block: Node) -> bool:
    return block.parent is not None and called(source, block.parent) in _ITERATORS


def _opened(source: Source, block: Node, is_singleton: bool) -> Owner | None:
    """Whose body the block of `Name.class_eval` or of `Name = Class.new` is."""
    call = block.parent
    if call is None or call.type != "call":
        return None
    if is_new_class(source, call) and call.parent is not None and call.parent.type == "assignment":
        name = constant(source, call.parent.child_by_field_name("left"))
        return _named(name, Kind.SINGLETON if is_singleton else Kind.MODULE)
    receiver = call.child_by_field_name("receiver")
    if called(source, call) not in _OPENERS or receiver is None:
        return None
    if called(source, receiver) == "singleton_class" and not is_singleton:
        return _named(constant(source, receiver.child_by_field_name("receiver")), Kind.SINGLETON)
    return _named(constant(source, receiver), Kind.SINGLETON if is_singleton else Kind.MODULE)
