"""Which calls in a Ruby file may define the handler's method anew, replace it or take it away.

Data in, a reason out; where such a call is refused is `rebinding`'s business.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from defender.edits.source import Source, captures, query, walk
from defender.runtimes.ruby.bindings import VISIBILITY, arguments, called, symbol
from defender.runtimes.ruby.guarding import is_guarded
from defender.runtimes.ruby.handlers import Target
from defender.runtimes.ruby.places import Owner, is_run_later, owner
from defender.runtimes.ruby.scopes import Kind, constant
from defender.runtimes.ruby.source import GRAMMAR, scm, statements

if TYPE_CHECKING:
    from tree_sitter import Node

_CHANGERS = frozenset(
    {"attr", "attr_reader", "attr_accessor", "attr_writer", "undef_method", "remove_method", "alias_method"}
    | {"def_delegator", "def_delegators", "def_instance_delegator", "def_instance_delegators"}
    | {"def_single_delegator", "def_single_delegators", "delegate", "class_attribute", "define_method"}
    | {f"{kind}_{what}" for kind in ("cattr", "mattr") for what in ("reader", "writer", "accessor")}
    | {"define_singleton_method"}
)
# Of these, what changes the methods of a class itself where it stands in its body.
_OF_CLASSES = frozenset(
    {name for name in _CHANGERS if name.startswith(("cattr", "mattr", "def_single"))}
    | {"class_attribute", "define_singleton_method"}
)
_DYNAMIC = frozenset({"define_method", "define_singleton_method"})
_EVALUATORS = frozenset({"eval", "class_eval", "module_eval", "instance_eval"})
_SENDERS = frozenset({"send", "__send__", "public_send"})
_RULED = _CHANGERS | _EVALUATORS | {"remove_const", "const_set", "prepend"}
# Calls that take a method's name and leave the method what it is.
_HARMLESS = VISIBILITY | {
    *("method", "public_method", "singleton_method", "instance_method", "public_instance_method"),
    *("respond_to?", "method_defined?", "instance_methods", "ruby2_keywords", "private_constant"),
    *("puts", "p", "print", "warn", "raise", "require", "require_relative", "load", "autoload"),
}
# Lambda calls `file.method` on an object of its client's class, which any of these gives the method.
_EVERYONES = frozenset({"Object", "Kernel", "BasicObject", "LambdaHandler"})


@dataclass(frozen=True)
class Handler:
    """The handler's method, and the last parts of the names under which the file knows what it is called on."""

    target: Target
    names: frozenset[str]
    is_renamed: bool
    is_copied: bool

    @classmethod
    def of(cls, source: Source, target: Target, assignments: list[Node]) -> Handler:
        """The handler as one file may name it: `Other = Name` gives a class, or a module around it, another name."""
        names = set(target.constant[-1:])
        is_renamed = False
        for node in assignments:
            left = constant(source, node.child_by_field_name("left"))
            right = constant(source, node.child_by_field_name("right"))
            if left and right and right[-1] in {*names, *target.constant}:
                is_renamed = True
                names |= {left[-1]} if right[-1] in names else set()
        copied = re.search(rb"\bmodule_function\b|\bextend[ (]+self\b", source.data)
        return cls(target, frozenset(names) if names else _EVERYONES, is_renamed, copied is not None)

    def is_named(self, place: Owner) -> bool:
        """Whether a class or module may be the handler's, by its name."""
        if place.path is not None and self.target.constant and not self.is_renamed:
            return place.path == self.target.constant
        return place.name in self.names

    def may_own(self, place: Owner | None) -> bool:
        """Whether a method that is defined in this place could be the handler's."""
        if place is None:
            return True
        if not self.target.constant:
            return place.kind is Kind.MAIN or (place.kind is Kind.MODULE and self.is_named(place))
        is_copy = place.kind is Kind.MODULE and self.is_copied and not place.is_class
        return self.is_named(place) and (place.kind is Kind.SINGLETON or is_copy)

    def is_body(self, place: Owner | None) -> bool:
        """Whether the place is where the handler's class or module is made, or the top level for one without."""
        return place is not None and (self.is_named(place) if self.target.constant else self.may_own(place))


@dataclass(frozen=True)
class Call:
    """One call; a `receiver` of None stands for `self`, `place` for whose body it is in, if the text shows it."""

    source: Source
    node: Node
    name: str
    receiver: Node | None
    given: tuple[Node, ...]
    place: Owner | None

    @classmethod
    def of(cls, source: Source, node: Node, method: str) -> Call | None:
        """The call, if it may do something to methods or to that of this name; `send(:name, ...)` is one of `name`."""
        name, given = called(source, node), arguments(node)
        if name in _SENDERS and given:
            name, given = symbol(source, given[0]), given[1:]
        if name not in _RULED and f":{method}".encode() not in source.bytes_of(node):
            return None
        receiver = node.child_by_field_name("receiver")
        if receiver is not None and receiver.type == "self":
            receiver = None
        place = owner(source, node)
        return None if name is None else cls(source, node, name, receiver, tuple(given), place)

    def names(self, *nodes: Node) -> set[str]:
        """The last parts of all constants in expressions."""
        found = [constant(self.source, inner) for node in nodes for inner in walk(node)]
        return {name[-1] for name in found if name}

    def concerns(self, handler: Handler) -> bool:
        """Whether the methods that it changes, if it changes any, may be the handler's class's own."""
        if self.receiver is not None:
            is_named = bool(self.names(self.receiver) & handler.names)
            return is_named or constant(self.source, self.receiver) is None
        return handler.may_own(self.place) or (self.name in _OF_CLASSES and handler.is_body(self.place))

    def names_class(self, handler: Handler) -> bool:
        """Whether the text says that it is about the handler's class."""
        if self.receiver is not None:
            return bool(self.names(self.receiver) & handler.names)
        return self.place is not None and self.place.kind is not Kind.MAIN


def troubling(source: Source, handler: Handler, node: Node, from_outside: bool = False) -> str | None:
    """Why a call may make the handler another method; None where it does not.

    Of another file than the handler's only those count that name the class which they change.
    """
    call = Call.of(source, node, handler.target.method)
    if call is None or (from_outside and not call.names_class(handler)):
        return None
    rules = (_changes, _defines, _assigns, _prepends, _evaluates, _decorates)
    return next(filter(None, (rule(handler, call) for rule in rules)), None)


def _changes(handler: Handler, call: Call) -> str | None:
    named = [symbol(call.source, one) for one in call.given]
    is_changed = call.name in _CHANGERS and handler.target.method in named and call.concerns(handler)
    return f"{call.name} changes the method" if is_changed else None


def _defines(handler: Handler, call: Call) -> str | None:
    """Names that are computed. An object that is built in a method is none that the handler could be called on."""
    if call.name not in _DYNAMIC or not call.given or _is_literal(call.given[0]):
        return None
    is_ours = call.concerns(handler)
    if call.receiver is None and call.place is None:
        is_ours = not is_run_later(call.node)
    elif call.receiver is not None and is_run_later(call.node):
        is_ours = is_ours and call.names_class(handler)
    return f"{call.name} is given a name that is not literal" if is_ours else None


def _is_literal(node: Node) -> bool:
    return node.type in ("simple_symbol", "string") and not any(
        child.type == "interpolation" for child in node.children
    )


def _assigns(handler: Handler, call: Call) -> str | None:
    if call.name not in ("remove_const", "const_set") or not call.given:
        return None
    if symbol(call.source, call.given[0]) in handler.target.constant:
        return f"{call.name} changes the constant"
    is_named = bool(call.names(*call.given[1:]) & set(handler.target.constant))
    return f"{call.name} gives the constant's value another name" if is_named else None


def _prepends(handler: Handler, call: Call) -> str | None:
    """Modules that come before the handler's class; a string has a method of this name, too."""
    kinds = ("constant", "scope_resolution", "call", "identifier")
    modules = [one for one in call.given if one.type in kinds]
    if call.name != "prepend" or all(_is_agents(call.source, one) for one in modules):
        return None
    return "what is prepended comes before the method" if _is_preceded(handler, call) else None


def _is_preceded(handler: Handler, call: Call) -> bool:
    if call.receiver is None:
        return handler.may_own(call.place) and not (call.place is None and is_run_later(call.node))
    name, text = constant(call.source, call.receiver), call.source.bytes_of(call.receiver)
    if name is not None:
        return name[-1] in handler.names and (not handler.target.constant or handler.is_copied)
    if not text.endswith((b"singleton_class", b"self.class")):
        return not is_run_later(call.node)
    named = call.names(call.receiver)
    if not handler.target.constant:
        return text.endswith(b"self.class")
    return not named or bool(named & handler.names)


def _is_agents(source: Source, node: Node) -> bool:
    """Whether it is what is inserted below a signature: a module whose one method calls the agent."""
    block = node.child_by_field_name("block")
    body = block.child_by_field_name("body") if block is not None else None
    inner = statements(body) if body is not None else []
    if len(inner) == 1 and called(source, inner[0]) in VISIBILITY:
        inner = arguments(inner[0])
    return len(inner) == 1 and is_guarded(source, inner[0])


def _evaluates(handler: Handler, call: Call) -> str | None:
    if call.name not in _EVALUATORS or not call.given:
        return None
    if call.given[0].type not in ("string", "heredoc_beginning", "chained_string"):
        is_unknown = call.node.child_by_field_name("block") is None and not is_run_later(call.node)
        return "code from elsewhere is evaluated" if is_unknown else None
    name = rb"(?:%s(?![\w?!])|#\{)" % re.escape(handler.target.method.encode())
    defined = re.compile(
        rb"\bdef\s+(?:[\w:]+\.)?%s|\b(?:alias|alias_method|define_\w+)\b[\s(:]*%s" % (name, name)
    )
    source = call.source
    for text in captures(query(GRAMMAR, scm("rebinding")), source.root).get("text", []):
        if text.parent is not None and defined.search(source.bytes_of(text.parent)):
            return "the method may be defined in a string that is evaluated"
    return None


def _decorates(handler: Handler, call: Call) -> str | None:
    """`memoize :handler` and the like: what replaces the method by another that may call it, or not."""
    symbols = [symbol(call.source, one) for one in call.given if one.type == "simple_symbol"]
    is_harmless = call.name in _HARMLESS | _CHANGERS or is_run_later(call.node)
    if handler.target.method not in symbols or is_harmless:
        return None
    if call.receiver is None:
        is_ours = handler.is_body(call.place)
    else:
        has_self = any(one.type == "self" for one in call.given)
        is_named = bool(call.names(call.receiver, *call.given) & handler.names)
        is_ours = is_named or (has_self and handler.is_body(call.place))
    return f"{call.name} may replace the method" if is_ours else None
