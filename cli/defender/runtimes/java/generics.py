"""The types that Lambda's runtime reads events into and writes answers from, for a handler without a method's name.

It looks for the arguments of `RequestHandler` breadth first, and puts in what type variables stand for only where one
is an argument by itself (`EventHandlerLoader.findInterfaceParameters` of the public client). So do we: what it would
read otherwise than a method with the same types is Unproven.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from defender.edits.source import walk
from defender.runtimes.java.hierarchy import Hierarchy, type_names
from defender.runtimes.java.names import REQUEST_HANDLER, Names, TypeVariable, head, supertypes
from defender.runtimes.java.syntax import Unproven, is_word, joined, named, tokens
from defender.runtimes.java.units import Declaration

if TYPE_CHECKING:
    from tree_sitter import Node


@dataclass(frozen=True)
class Argument:
    """A type argument, and the declaration in whose header it is written."""

    node: Node
    scope: Declaration


@dataclass(frozen=True)
class _Step:
    """A class or an interface on the way, and what its type variables stand for; None where that was left out."""

    owner: Declaration
    arguments: tuple[Argument, ...] | None


def interface_arguments(names: Names, line: Hierarchy) -> tuple[Argument, Argument]:
    """What `RequestHandler`'s two type variables stand for; raises Unproven."""
    own = line.classes[0]
    waiting = [_Step(own, None)]
    while waiting:
        step = waiting.pop(0)
        for node in supertypes(step.owner):
            full = names.of_type(node, step.owner, in_body=False)
            if full == REQUEST_HANDLER and node.type == "generic_type":
                found = _given(node, step)
                if len(found) != 2:
                    raise Unproven("RequestHandler takes two types", step.owner.unit.source, node)
                return found[0], found[1]
        for node in [*step.owner.interfaces, *filter(None, [step.owner.superclass])]:
            declared = names.declaration(names.of_type(node, step.owner, in_body=False))
            if declared is None:
                continue
            if declared.kind == "interface" and declared.type_parameters:
                raise Unproven(f"{declared.name} is generic", step.owner.unit.source, node)
            arguments = _given(node, step) if node.type == "generic_type" else None
            waiting.append(_Step(declared, arguments))
    raise Unproven(f"{own.name} does not say what it reads and answers", own.unit.source, own.node)


def _given(node: Node, step: _Step) -> tuple[Argument, ...]:
    """The arguments of a generic type, type variables replaced by what they stand for."""
    clause = next(one for one in named(node) if one.type == "type_arguments")
    return tuple(_resolved(Argument(one, step.owner), step) for one in named(clause))


def _resolved(given: Argument, step: _Step) -> Argument:
    source = given.scope.unit.source
    words = tokens(source, given.node)
    if len(words) == 1 and words[0] in step.owner.type_parameters:
        at = step.owner.type_parameters.index(words[0])
        if step.arguments is None or at >= len(step.arguments):
            raise Unproven(f"what {words[0]} stands for is not said", source, given.node)
        return step.arguments[at]
    variables = set(_all_type_parameters(step.owner))
    if variables & {word for one in _heads(given) for word in one[:1]}:
        raise Unproven("a type variable is part of another type", source, given.node)
    return given


def _all_type_parameters(owner: Declaration | None) -> Iterator[str]:
    while owner is not None:
        yield from owner.type_parameters
        owner = owner.outer


def _heads(given: Argument) -> Iterator[list[str]]:
    """The names in a type, each split at its dots."""
    for node in walk(given.node, lambda one: one.type != "scoped_type_identifier"):
        if node.type in ("type_identifier", "scoped_type_identifier"):
            yield head(given.scope, node)


def written(names: Names, given: Argument, line: Hierarchy) -> str:
    """The type as it has to be written in the body of the handler's class; raises Unproven."""
    own = line.classes[0]
    words = tokens(given.scope.unit.source, given.node)
    shadowing = {*type_names(line), *own.type_parameters}
    is_near = given.scope is own or given.scope == own
    if is_near and not shadowing & {one[0] for one in _heads(given)}:
        return joined(words)
    return joined(list(_qualified(names, given, own, words)))


def _qualified(names: Names, given: Argument, own: Declaration, words: list[str]) -> Iterator[str]:
    """The tokens of a type, each class by the name that means the same in the body of `own`."""
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if not is_word(word[0]) or word in _KEYWORDS:
            yield word
            continue
        parts = [word]
        while words[at : at + 1] == ["."]:
            parts.append(words[at + 1])
            at += 2
        yield _same(names, given, own, parts)


_KEYWORDS = frozenset(
    {"extends", "super", "int", "long", "short", "byte", "char", "float", "double", "boolean"}
)


def _same(names: Names, given: Argument, own: Declaration, parts: list[str]) -> str:
    try:
        full = names.full_name(parts, given.scope, in_body=False)
    except TypeVariable as error:
        raise Unproven(
            f"the type variable {error} stays open", given.scope.unit.source, given.node
        ) from error
    try:
        if names.full_name(parts, own, in_body=True) == full:
            return ".".join(parts)
    except (Unproven, TypeVariable):
        pass  # It means something else there, or nothing that is certain.
    _refuse_hidden(names, full, given, own)
    return full


def _refuse_hidden(names: Names, full: str, given: Argument, own: Declaration) -> None:
    """Raise Unproven for a class that the handler's own may not use."""
    declared = names.declaration(full)
    is_near = given.scope.unit.package == own.unit.package
    if declared is None and not is_near and full.rpartition(".")[0] == given.scope.unit.package:
        raise Unproven(f"{full} may not be public", given.scope.unit.source, given.node)
    current = declared
    while current is not None:
        in_interface = current.outer is not None and current.outer.kind == "interface"
        if "private" in current.modifiers or not (is_near or "public" in current.modifiers or in_interface):
            raise Unproven(f"{full} is not public", given.scope.unit.source, given.node)
        current = current.outer
