"""Refuses Ruby files in which the handler's method may be another one than the definitions show.

Errs towards refusing: a call that takes the method away would leave a package that only looks protected.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from defender.edits.source import Source, captures, query, walk
from defender.errors import RewriteRefused
from defender.runtimes.ruby.bindings import Binding, arguments, symbol
from defender.runtimes.ruby.calling import Handler, troubling
from defender.runtimes.ruby.guarding import is_guarded
from defender.runtimes.ruby.handlers import Target
from defender.runtimes.ruby.places import owner
from defender.runtimes.ruby.scopes import Kind, constant
from defender.runtimes.ruby.source import GRAMMAR, refuse, scm

if TYPE_CHECKING:
    from tree_sitter import Node

_HOOKS = frozenset({"method_added", "singleton_method_added"})
_SEES = "sees every new method"
# A hook in one of these is called for the methods of every class.
_EVERY_CLASS = ("Object", "Module", "Class", "Kernel", "BasicObject")
_NESTING = frozenset(("method", "singleton_method", "block", "do_block", "lambda", "begin_block"))
_SCOPES = frozenset(("class", "module", "singleton_class", "program"))


def refuse_rebinding(source: Source, target: Target, found: list[Binding]) -> None:
    """Raise RewriteRefused, with the place, for code that may define the method anew or take it away."""
    for node, why in _troubles(source, target, found):
        raise _refused(source, target, node, why)


def refuse_rebinding_from_outside(source: Source, own: Source, target: Target, found: list[Binding]) -> None:
    """The same for another file that the handler's own loads: what says that it is about the handler's class.

    The definitions that are `found` there are judged by the order in which files are loaded.
    """
    known = {binding.node.start_byte for binding in found}
    named = captures(query(GRAMMAR, scm("rebinding")), source.root)
    handler = Handler.of(source, target, named.get("assignment", []))
    for call in named.get("call", []):
        why = None if call.start_byte in known else troubling(source, handler, call, from_outside=True)
        if why:
            raise _refused(source, target, call, why)
    for definition, why in _by_definition(source, handler, known, named):
        place = owner(source, definition)
        is_everyones = place is not None and place.name in ("", *_EVERY_CLASS)
        is_hook = why.endswith(_SEES)
        is_used = place is not None and bool(place.name) and place.name.encode() in own.data
        if place is not None and (not is_hook or is_everyones or is_used):
            raise _refused(source, target, definition, why)


def refuse_own_names(source: Source) -> None:
    """Raise RewriteRefused for what stands in the agent's way in any file that requires it first."""
    named = captures(query(GRAMMAR, scm("rebinding")), source.root)
    for node in [*named.get("module", []), *(name for _, name in _assigned(named))]:
        name = constant(source, node)
        if name is not None and name[-1] == "Twistlock":
            raise refuse(
                source, node, "the file has a name Twistlock of its own, which is the agent's", "rename it"
            )
    for node in walk(source.root, lambda node: node.type == "program"):
        if node.type == "begin_block":
            raise refuse(
                source,
                node,
                "a BEGIN block runs before the agent could start",
                "write its statements first in the file, without BEGIN",
            )


def _refused(source: Source, target: Target, node: Node, why: str) -> RewriteRefused:
    message = f"{why}: {target.label!r} could be another method than the one wrapped"
    return refuse(
        source, node, message, "let the handler be a plain `def` that nothing changes, and call this from it"
    )


def _troubles(source: Source, target: Target, found: list[Binding]) -> Iterator[tuple[Node, str]]:
    known = {binding.node.start_byte for binding in found}
    named = captures(query(GRAMMAR, scm("rebinding")), source.root)
    handler = Handler.of(source, target, named.get("assignment", []))
    yield from _by_definition(source, handler, known, named)
    for node in (*named.get("alias", []), *named.get("undef", [])):
        names = node.named_children[:1] if node.type == "alias" else node.named_children
        is_named = target.method in [symbol(source, name) for name in names]
        if is_named and node.start_byte not in known and handler.may_own(owner(source, node)):
            yield node, f"{node.type} changes the method"
    for call in named.get("call", []):
        why = troubling(source, handler, call) if call.start_byte not in known else None
        if why:
            yield call, why
    yield from _by_assignment(source, target, found, named)
    for binding in found:
        if binding.signature is not None:
            yield from _by_signature(source, binding, binding.signature)


def _by_definition(
    source: Source, handler: Handler, known: set[int], named: dict[str, list[Node]]
) -> Iterator[tuple[Node, str]]:
    for name in named.get("def", []):
        text, definition = source.bytes_of(name).decode("utf-8", "replace"), name.parent
        if definition is None or definition.start_byte in known or is_guarded(source, definition):
            continue
        if text in _HOOKS:
            yield definition, f"{text} {_SEES}"
        elif text == handler.target.method and _may_be(source, handler, definition):
            yield definition, f"the method is defined where {_where(definition)}"


def _may_be(source: Source, handler: Handler, definition: Node) -> bool:
    """Whether a definition that is no binding could still be the handler's."""
    place = owner(source, definition)
    if definition.type != "singleton_method":
        return handler.may_own(place)
    on = definition.child_by_field_name("object")
    if on is not None and on.type != "self":
        name = constant(source, on)
        return name is None or name[-1] in handler.names
    return place is None or (place.kind is Kind.MODULE and handler.is_named(place))


def _by_assignment(
    source: Source, target: Target, found: list[Binding], named: dict[str, list[Node]]
) -> Iterator[tuple[Node, str]]:
    """Another object under a name that the handler is called by."""
    first = min((binding.node.start_byte for binding in found), default=None)
    known = {binding.node.start_byte for binding in found}
    if first is None or not target.constant:
        return
    for node, left in _assigned(named):
        name = constant(source, left)
        if name and name[-1] in target.constant and node.start_byte > first and node.start_byte not in known:
            yield node, "the constant is assigned anew"


def _by_signature(source: Source, binding: Binding, signature: Node) -> Iterator[tuple[Node, str]]:
    """Sorbet defines a signed method anew at its first call: only a module that is prepended stays in front."""
    place = owner(source, binding.statement)
    is_singletons = binding.node.type == "singleton_method" or (
        place is not None and place.kind is Kind.SINGLETON and place.name != ""
    )
    if arguments(signature):
        yield signature, "a signature (Sorbet) that is final lets nothing be put in front of the method"
    elif not is_singletons or binding.node.type not in ("method", "singleton_method"):
        yield signature, "a signature (Sorbet) replaces the method below it at its first call"


def refuse_unknown_value(source: Source, target: Target) -> None:
    """Raise RewriteRefused where the handler is called on a constant whose value only the running code shows."""
    named = captures(query(GRAMMAR, scm("rebinding")), source.root)
    for node, left in _assigned(named):
        name = constant(source, left)
        if name is not None and name[-1] in target.constant[-1:]:
            raise refuse(
                source,
                node,
                f"what {name[-1]} holds shows only when the code runs: it may be frozen, or not the handler's alone",
                "name a method as the handler, and call this from it",
            )


def _assigned(named: dict[str, list[Node]]) -> Iterator[tuple[Node, Node]]:
    """Every assignment, and each name that it assigns."""
    lists = ("left_assignment_list", "destructured_left_assignment", "rest_assignment")
    for node in named.get("assignment", []):
        left = node.child_by_field_name("left")
        if left is not None:
            for name in walk(left, lambda inner: inner.type in lists):
                yield node, name


def _where(node: Node) -> str:
    parent = node.parent
    while parent is not None and parent.type not in _SCOPES:
        if parent.type in _NESTING:
            return "it takes effect only when other code runs"
        parent = parent.parent
    return "nothing can be put behind it"
