"""Which method Lambda's runtime calls for a handler that names one, as far as the project's sources tell.

It takes the public ones of the name, prefers longer lists of parameters, and knows ten of those (`EventHandlerLoader`).
Where more than one comes into question the answer is Unproven.
"""

from __future__ import annotations

from defender.errors import DetectionError
from defender.runtimes.java.hierarchy import Hierarchy
from defender.runtimes.java.names import CONTEXT, INPUT, OUTPUT, Names, TypeVariable
from defender.runtimes.java.syntax import Unproven, text
from defender.runtimes.java.units import Declaration, Method, Parameter

# Every object has methods of these names.
_OF_OBJECT = frozenset(
    {"equals", "hashCode", "toString", "getClass", "notify", "notifyAll", "wait", "clone", "finalize"}
)


def method_of(line: Hierarchy, name: str) -> Method:
    """The method that the runtime calls; DetectionError where there is none, Unproven where it may be another."""
    own = line.classes[0]
    if name in _OF_OBJECT:
        raise Unproven(f"every class has a method {name}", own.unit.source, own.node)
    for one in line.interfaces:
        if any(method.is_concrete for method in one.methods(name)):
            raise Unproven(f"{one.name} has a method {name} of its own", one.unit.source, one.node)
    if any(one.kind == "record" and name in _components(one) for one in line.classes):
        raise Unproven(f"{name} is a component of a record", own.unit.source, own.node)
    found = [
        method
        for one in line.classes
        for method in one.methods(name)
        if "public" in method.modifiers and method.is_concrete
    ]
    if not found:
        raise _missing(own, name)
    first = found[0]
    for other in found[1:]:
        if other.owner is first.owner or _shape(other) != _shape(first):
            raise Unproven(f"{name} is overloaded", other.owner.unit.source, other.node)
    if first.is_generic:
        raise Unproven(f"{name} has type parameters of its own", first.owner.unit.source, first.node)
    return first


def _components(record: Declaration) -> set[str]:
    given = record.node.child_by_field_name("parameters")
    source = record.unit.source
    names = [one.child_by_field_name("name") for one in given.named_children] if given is not None else []
    return {text(source, one) for one in names if one is not None}


def _missing(own: Declaration, name: str) -> Exception:
    if own.annotations:
        return Unproven(f"{name} may be made by an annotation", own.unit.source, own.node)
    line, column = own.unit.source.position(own.node.start_byte)
    return DetectionError(
        f"the class {own.binary} has no public method {name!r}",
        path=own.unit.source.path,
        line=line,
        column=column,
        hint="name another handler with --handler package.Class::method",
    )


def _shape(method: Method) -> tuple[object, ...]:
    return ("static" in method.modifiers, tuple(one.type for one in method.parameters))


def context_of(names: Names, method: Method) -> Parameter | None:
    """The method's parameter for the context; Unproven where the runtime can't call a method of this shape."""
    parameters = method.parameters
    kinds = [_kind(names, method, one) for one in parameters]
    last = kinds[-1:] == [CONTEXT]
    before = kinds[:-1] if last else kinds
    if CONTEXT in before or len(before) > 2 or (len(before) == 2 and before != [INPUT, OUTPUT]):
        raise Unproven(
            f"{method.name} has parameters that the runtime does not know",
            method.owner.unit.source,
            method.node,
        )
    return parameters[-1] if last else None


def _kind(names: Names, method: Method, parameter: Parameter) -> str | None:
    """The full name of a parameter's type where it is one of the three that the runtime treats by themselves."""
    words = [word for word in parameter.type if word != "."]
    wanted = next((one for one in (CONTEXT, INPUT, OUTPUT) if one.endswith(f".{words[-1]}")), None)
    if wanted is None:
        return None
    try:
        full = names.full_name(words, method.owner, in_body=True)
    except TypeVariable:
        return None
    return full if full in (CONTEXT, INPUT, OUTPUT) else None
