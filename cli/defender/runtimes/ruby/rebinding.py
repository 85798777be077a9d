"""Refuses Ruby files in which the handler's method may be another one than the definitions show.

Errs towards refusing: a call that takes the method away would leave a package that only looks protected.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from defender.edits.source import Source, captures, query, walk
from defender.runtimes.ruby.bindings import Binding, arguments, called, symbol
from defender.runtimes.ruby.guarding import is_guarded
from defender.runtimes.ruby.handlers import Target
from defender.runtimes.ruby.scopes import constant
from defender.runtimes.ruby.source import GRAMMAR, refuse, scm

if TYPE_CHECKING:
    from tree_sitter import Node

_CHANGERS = frozenset(
    (
        "attr",
        "attr_reader",
        "attr_accessor",
        "def_delegator",
        "def_delegators",
        "def_instance_delegator",
        "def_instance_delegators",
        "delegate",
        "undef_method",
        "remove_method",
        "alias_method",
        "define_method",
        "define_singleton_method",
    )
)
_DYNAMIC = frozenset({"define_method", "define_singleton_method"})
_EVALUATORS = frozenset({"eval", "class_eval", "module_eval", "instance_eval"})
_HOOKS = frozenset({"method_added", "singleton_method_added"})
_SENDERS = frozenset({"send", "__send__", "public_send"})
_EVERYONES = ("Object", "Kernel", "BasicObject")
_NESTING = frozenset(("method", "singleton_method", "block", "do_block", "lambda", "begin_block"))
_SCOPES = frozenset(("class", "module", "singleton_class", "program"))


def refuse_rebinding(source: Source, target: Target, found: list[Binding]) -> None:
    """Raise RewriteRefused, with the place, for code that may define the method anew or take it away."""
    for node, why in _troubles(source, target, found):
        raise refuse(source, node, f"{why}: {target.label!r} could be another method than the one wrapped")


def refuse_own_names(source: Source) -> None:
    """Raise RewriteRefused for what stands in the agent's way in any file that requires it first."""
    for node in captures(query(GRAMMAR, scm("rebinding")), source.root).get("module", []):
        name = constant(source, node)
        if name is not None and name[-1] == "Twistlock":
            raise refuse(source, node, "the file has a name Twistlock of its own, which is the agent's")
    for node in walk(source.root, lambda node: node.type == "program"):
        if node.type == "begin_block":
            raise refuse(source, node, "a BEGIN block runs before the agent could start")


def _troubles(source: Source, target: Target, found: list[Binding]) -> Iterator[tuple[Node, str]]:
    known = {binding.node.start_byte for binding in found}
    named = captures(query(GRAMMAR, scm("rebinding")), source.root)
    yield from _by_definition(source, target, known, named)
    for node in (*named.get("alias", []), *named.get("undef", [])):
        names = node.named_children[:1] if node.type == "alias" else node.named_children
        is_named = target.method in [symbol(source, name) for name in names]
        if is_named and node.start_byte not in known and _is_of(source, target, node):
            yield node, f"{node.type} changes the method"
    for call in named.get("call", []):
        if call.start_byte not in known:
            yield from _by_call(source, target, call)
    yield from _by_text(source, target, named)
    yield from _by_assignment(source, target, found)
    for binding in found:
        before = binding.statement.prev_named_sibling
        if before is not None and called(source, before) == "sig":
            yield before, "a signature (Sorbet) replaces the method below it at its first call"


def _by_definition(
    source: Source, target: Target, known: set[int], named: dict[str, list[Node]]
) -> Iterator[tuple[Node, str]]:
    for name in named.get("def", []):
        text, owner = source.bytes_of(name).decode("utf-8", "replace"), name.parent
        if owner is None or owner.start_byte in known or is_guarded(source, owner):
            continue
        if text in _HOOKS:
            yield owner, f"{text} sees every new method"
        elif text == target.method and _may_be(source, target, owner):
            yield owner, f"the method is defined where {_where(owner)}"


def _by_call(source: Source, target: Target, call: Node) -> Iterator[tuple[Node, str]]:
    name, given = called(source, call), arguments(call)
    owner = call.child_by_field_name("receiver")
    if name in _SENDERS and given:
        name, given = symbol(source, given[0]), given[1:]
    names = [symbol(source, argument) for argument in given]
    is_ours = owner is not None or _is_of(source, target, call)
    if name in _CHANGERS and target.method in names and is_ours:
        yield call, f"{name} changes the method"
    elif name in _DYNAMIC and given and not _is_literal(given[0]) and _is_of(source, target, call):
        yield call, f"{name} is given a name that is not literal"
    elif name in ("remove_const", "const_set") and target.constant[-1:] == tuple(names[:1]):
        yield call, f"{name} changes the constant"
    elif name == "prepend" and (
        _is_everyones(source, target, owner) or _is_of_singleton(source, target, call)
    ):
        yield call, "what is prepended comes before the method"


def _is_literal(node: Node) -> bool:
    return node.type in ("simple_symbol", "string") and not any(
        child.type == "interpolation" for child in node.children
    )


def _by_text(source: Source, target: Target, named: dict[str, list[Node]]) -> Iterator[tuple[Node, str]]:
    """Code in strings, where the file evaluates some."""
    if not any(called(source, call) in _EVALUATORS for call in named.get("call", [])):
        return
    pattern = re.compile(rb"\bdef\s+(?:\w+\.)?%s(?!\w)" % re.escape(target.method.encode()))
    for node in named.get("text", []):
        if pattern.search(source.bytes_of(node)):
            yield node, "the method is defined in a string that is evaluated"


def _by_assignment(source: Source, target: Target, found: list[Binding]) -> Iterator[tuple[Node, str]]:
    """Another object under the name that the handler is called on."""
    first = min((binding.node.start_byte for binding in found), default=None)
    known = {binding.node.start_byte for binding in found}
    for node in walk(source.root):
        if node.type in ("assignment", "operator_assignment") and first is not None and target.constant:
            name = constant(source, node.child_by_field_name("left"))
            if (
                name
                and name[-1] == target.constant[-1]
                and node.start_byte > first
                and node.start_byte not in known
            ):
                yield node, "the constant is assigned anew"


def _may_be(source: Source, target: Target, definition: Node) -> bool:
    """Whether a definition that is no binding could still be the handler's."""
    if definition.type == "singleton_method":
        owner = definition.child_by_field_name("object")
        if owner is not None and owner.type != "self":
            name = constant(source, owner)
            return name is None or name[-1:] == target.constant[-1:]
        return bool(target.constant) and _container_name(source, definition) == target.constant[-1]
    return _is_of(source, target, definition) or _is_in_block(definition)


def _is_of(source: Source, target: Target, node: Node) -> bool:
    """Whether what stands here defines methods that the handler could mean."""
    container = _container(node)
    if not target.constant:
        return container.type == "program" or _container_name(source, node) in _EVERYONES
    if container.type == "singleton_class":
        return _container_name(source, node) == target.constant[-1]
    if container.type == "module" and _container_name(source, node) == target.constant[-1]:
        text = source.bytes_of(container)
        return b"module_function" in text or re.search(rb"extend[ (]+self", text) is not None
    return False


def _is_of_singleton(source: Source, target: Target, node: Node) -> bool:
    owner = node.child_by_field_name("receiver")
    inside = _container(node).type == "singleton_class" and owner is None
    return inside and _container_name(source, node) == target.constant[-1:][-1] if target.constant else False


def _is_everyones(source: Source, target: Target, owner: Node | None) -> bool:
    text = "" if owner is None else source.bytes_of(owner).decode("utf-8", "replace")
    if target.constant:
        return text.endswith("singleton_class")
    return text.removeprefix("::") in (*_EVERYONES, "self.class")


def _container(node: Node) -> Node:
    current = node
    while current.parent is not None and (current is node or current.type not in _SCOPES):
        current = current.parent
    return current


def _container_name(source: Source, node: Node) -> str | None:
    """The last part of the name of the class or module around; that of `class << self` is the next one's."""
    container = _container(node)
    if container.type == "singleton_class":
        value = container.child_by_field_name("value")
        if value is not None and value.type == "self":
            return _container_name(source, container)
        name = constant(source, value)
    else:
        name = constant(source, container.child_by_field_name("name"))
    return name[-1] if name else None


def _is_in_block(node: Node) -> bool:
    parent = node.parent
    while parent is not None and parent.type not in _SCOPES:
        if parent.type in ("block", "do_block", "lambda"):
            return True
        parent = parent.parent
    return False


def _where(node: Node) -> str:
    parent = node.parent
    while parent is not None and parent.type not in _SCOPES:
        if parent.type in _NESTING:
            return "it takes effect only when other code runs"
        parent = parent.parent
    return "nothing can be put behind it"
