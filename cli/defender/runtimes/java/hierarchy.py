"""The classes above a handler, and the one in which the agent has to be started.

When the handler's class is initialised, its superclasses are first, the topmost of all, then interfaces that have
code of their own (JVM specification, 5.5). So the agent starts in the topmost class, if nothing can come before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from defender.runtimes.java.names import HARMLESS, Names
from defender.runtimes.java.syntax import Unproven, named
from defender.runtimes.java.units import Declaration

# Lombok puts a static logger in front of all that the class itself declares.
_LOGGERS = frozenset(
    {"Log", "Log4j", "Log4j2", "Slf4j", "XSlf4j", "CommonsLog", "JBossLog", "Flogger", "CustomLog"}
)


@dataclass(frozen=True)
class Hierarchy:
    """A handler's class and all above it, nearest first; the project's interfaces; the names of all others."""

    classes: tuple[Declaration, ...]
    interfaces: tuple[Declaration, ...]
    foreign: frozenset[str]

    @property
    def top(self) -> Declaration:
        """The class that is initialised before the others."""
        return self.classes[-1]

    @property
    def all_types(self) -> tuple[Declaration, ...]:
        """Classes and interfaces of the project."""
        return (*self.classes, *self.interfaces)


def hierarchy(names: Names, own: Declaration) -> Hierarchy:
    """The hierarchy of a class; raises Unproven where part of it is not in the project's sources."""
    classes = [own]
    while (node := classes[-1].superclass) is not None:
        full = names.of_type(node, classes[-1], in_body=False)
        if full == "java.lang.Object":
            break
        above = names.declaration(full)
        if above is None:
            reason = f"{classes[-1].name} extends {full}, which is not in the project's sources"
            raise Unproven(reason, classes[-1].unit.source, node)
        if above in classes:
            raise Unproven(f"{full} extends itself", classes[-1].unit.source, node)
        classes.append(above)
    interfaces, foreign = _interfaces(names, classes)
    return Hierarchy(tuple(classes), tuple(interfaces), frozenset(foreign))


def _interfaces(names: Names, classes: list[Declaration]) -> tuple[list[Declaration], set[str]]:
    found: list[Declaration] = []
    foreign: set[str] = set()
    waiting = list(classes)
    while waiting:
        owner = waiting.pop(0)
        for node in owner.interfaces:
            full = names.of_type(node, owner, in_body=False)
            declared = names.declaration(full)
            if declared is not None and declared not in found:
                found.append(declared)
                waiting.append(declared)
            elif declared is None:
                if full not in HARMLESS:
                    raise Unproven(
                        f"{full} is not in the project's sources, and may have code that runs first",
                        owner.unit.source,
                        node,
                    )
                foreign.add(full)
    return found, foreign


def refuse_early_code(line: Hierarchy) -> None:
    """Raise Unproven where something can run before the first `static` of the topmost class."""
    top = line.top
    for one in line.classes:
        if one.kind not in ("class", "record") or not one.is_static:
            what = f"an {one.kind}" if one.is_static else "a non-static inner class"
            raise Unproven(f"{one.name} is {what}", one.unit.source, one.node)
    logger = next((one for one in top.annotations if one in _LOGGERS), None)
    if logger is not None:
        raise Unproven(
            f"@{logger} of Lombok adds a static logger in front of all else", top.unit.source, top.node
        )
    for one in line.interfaces:
        if any(_is_on_object(method.modifiers) for method in one.all_methods) and _has_code(one):
            raise Unproven(f"the constants of {one.name} are made first", one.unit.source, one.node)


def _is_on_object(modifiers: frozenset[str]) -> bool:
    """Whether it is a method because of which the interface is initialised with the class."""
    return bool(modifiers & {"default", "private"}) and "static" not in modifiers


def _has_code(interface: Declaration) -> bool:
    values = [
        declarator.child_by_field_name("value")
        for member in interface.members
        if member.type == "constant_declaration"
        for declarator in named(member)
        if declarator.type == "variable_declarator"
    ]
    return not all(value is not None and _is_literal(value.type) for value in values)


def _is_literal(kind: str) -> bool:
    return kind in ("true", "false") or kind.endswith("_literal")


def type_names(line: Hierarchy) -> Iterator[str]:
    """The simple names of all types that are nested in the hierarchy's."""
    for one in line.all_types:
        yield from one.nested
