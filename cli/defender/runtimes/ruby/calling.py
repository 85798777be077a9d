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
    is_copied: bool

    @classmethod
    def of(cls, source: Source, target: Target) -> Handler:
        """The handler as one file may name it: `Other = Name` gives its class another name."""
        names = set(target.constant[-1:])
        for node in walk(source.root):
            if node.type == "assignment" and names:
                left = constant(source, node.child_by_field_name("left"))
                right = constant(source, node.child_by_field_name("right"))
                if left and right and right[-1] in names:
                    names.add(left[-1])
        copied = re.search(rb"\bmodule_function\b|\bextend[ (]+self\b", source.data)
        return cls(target, frozenset(names) if names else _EVERYONES, copied is not None)

    def may_own(self, place: Owner | None) -> bool:
        """Whether a method that is defined in this place could be the handler's."""
        if place is None:
            return True
        if not self.target.constant:
            return place.kind is Kind.MAIN or (place.kind is Kind.MODULE and place.name in self.names)
        is_copy = place.kind is Kind.MODULE and self.is_copied and not place.is_class
        return place.name in self.names and (place.kind is Kind.SINGLETON or is_copy)

    def is_body(self, place: Owner | None) -> bool:
        """Whether the place is where the handler's class or module is made, or the top level for one without."""
        return place is not None and (
            place.name in self.names if self.target.constant else self.may_own(place)
        )


def troubling(source: Source, handler: Handler, call: Node, from_outside: bool = False) -> str | None:
    """Why a call may make the handler another method; None where it does not.

    Of another file than the handler's only those count that name the class which they change.
    """
    name, given = called(source, call), arguments(call)
    receiver = call.child_by_field_name("receiver")
    if name in _SENDERS and given:
        name, given = symbol(source, given[0]), given[1:]
    if name is None:
        return None
    place = owner(source, call)
    if receiver is not None and receiver.type != "self":
        is_named = _names(source, receiver) & handler.names
        if from_outside and not is_named:
            return None
        is_ours = bool(is_named) or constant(source, receiver) is None
    else:
        if from_outside and (place is None or place.kind is Kind.MAIN):
            return None
        is_ours = handler.may_own(place) or (name in _OF_CLASSES and handler.is_body(place))
    names = [symbol(source, argument) for argument in given]
    if name in _CHANGERS and handler.target.method in names:
        return f"{name} changes the method" if is_ours else None
    if name in _DYNAMIC and given and not _is_literal(given[0]):
        return _dynamic(source, handler, call, name, receiver, place, is_ours)
    if name in ("remove_const", "const_set") and set(names[:1]) & set(handler.target.constant):
        return f"{name} changes the constant"
    if name == "prepend" and _is_prepended(source, handler, call, receiver, place, given):
        return "what is prepended comes before the method"
    if name in _EVALUATORS and not from_outside:
        return _evaluated(source, handler, call, given)
    return _decorated(source, handler, call, name, receiver, place, given)


def _names(source: Source, node: Node) -> set[str]:
    """The last parts of all constants in an expression."""
    found = [constant(source, inner) for inner in walk(node)]
    return {name[-1] for name in found if name}


def _dynamic(
    source: Source,
    handler: Handler,
    call: Node,
    name: str,
    receiver: Node | None,
    place: Owner | None,
    is_ours: bool,
) -> str | None:
    if receiver is not None and receiver.type != "self":
        # An object that is built in a method, as a rule; what the text names, or runs at once, may be the handler's.
        is_ours = is_ours and (bool(_names(source, receiver) & handler.names) or not is_run_later(call))
    elif place is None:
        is_ours = not is_run_later(call)
    return f"{name} is given a name that is not literal" if is_ours else None


def _is_literal(node: Node) -> bool:
    return node.type in ("simple_symbol", "string") and not any(
        child.type == "interpolation" for child in node.children
    )


def _is_prepended(
    source: Source,
    handler: Handler,
    call: Node,
    receiver: Node | None,
    place: Owner | None,
    given: list[Node],
) -> bool:
    """Whether modules come before the handler's class; a string has a method of this name, too."""
    modules = [one for one in given if one.type in ("constant", "scope_resolution", "call", "identifier")]
    if not modules or all(_is_agents(source, one) for one in modules):
        return False
    if receiver is None or receiver.type == "self":
        return handler.may_own(place) and not (place is None and is_run_later(call))
    name = constant(source, receiver)
    if name is not None:
        return name[-1] in handler.names and (not handler.target.constant or handler.is_copied)
    text = source.bytes_of(receiver)
    if text.endswith((b"singleton_class", b"self.class")):
        named = _names(source, receiver)
        if not handler.target.constant:
            return text.endswith(b"self.class")
        return not named or bool(named & handler.names)
    return not is_run_later(call)


def _is_agents(source: Source, node: Node) -> bool:
    """Whether it is what is inserted below a signature: a module whose one method calls the agent."""
    block = node.child_by_field_name("block")
    body = block.child_by_field_name("body") if block is not None else None
    inner = statements(body) if body is not None else []
    if len(inner) == 1 and called(source, inner[0]) in VISIBILITY:
        inner = arguments(inner[0])
    return len(inner) == 1 and is_guarded(source, inner[0])


def _evaluated(source: Source, handler: Handler, call: Node, given: list[Node]) -> str | None:
    if not given:
        return None
    if given[0].type not in ("string", "heredoc_beginning", "chained_string"):
        is_unknown = call.child_by_field_name("block") is None and not is_run_later(call)
        return "code from elsewhere is evaluated" if is_unknown else None
    method = re.escape(handler.target.method.encode())
    name = rb"(?:%s(?![\w?!])|#\{)" % method
    defined = re.compile(
        rb"\bdef\s+(?:[\w:]+\.)?%s|\b(?:alias|alias_method|define_\w+)\b[\s(:]*%s" % (name, name)
    )
    texts = captures(query(GRAMMAR, scm("rebinding")), source.root).get("text", [])
    for text in texts:
        if text.parent is not None and defined.search(source.bytes_of(text.parent)):
            return "the method may be defined in a string that is evaluated"
    return None


def _decorated(
    source: Source,
    handler: Handler,
    call: Node,
    name: str,
    receiver: Node | None,
    place: Owner | None,
    given: list[Node],
) -> str | None:
    """`memoize :handler` and the like: what replaces the method by another that may call it."""
    symbols = [symbol(source, one) for one in given if one.type == "simple_symbol"]
    if handler.target.method not in symbols or name in _HARMLESS or is_run_later(call):
        return None
    if receiver is None or receiver.type == "self":
        is_ours = handler.is_body(place)
    else:
        named = set().union(*(_names(source, one) for one in (receiver, *given)))
        has_self = any(one.type == "self" for one in given)
        is_ours = bool(named & handler.names) or (has_self and handler.is_body(place))
    return f"{name} may replace the method" if is_ours else None
