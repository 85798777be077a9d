"""What is inserted for a handler: the method that the runtime is to call instead, in the form that its kind takes.

A class named without a method gets `protectedHandler` with the types that the runtime would find for it, and calls the
agent with itself; so does one named with the method `handleRequest` of its own, if these are the same. Any other method
gets one beside it with its own types, named after it, between the agent's `begin` and `end`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from defender.errors import DetectionError
from defender.resources import template
from defender.runtimes.java.generics import interface_arguments, written
from defender.runtimes.java.hierarchy import Hierarchy
from defender.runtimes.java.methods import context_of, method_of
from defender.runtimes.java.names import CONTEXT, REQUEST_HANDLER, STREAM_HANDLER, Names
from defender.runtimes.java.syntax import Unproven, joined, text
from defender.runtimes.java.units import Declaration, Method, Parameter, annotated

if TYPE_CHECKING:
    from tree_sitter import Node

HANDLE = "handleRequest"


@dataclass(frozen=True)
class Form:
    """A method to insert: into which class, behind which member or at its end, and its parts.

    `context` is the text of the type that its last parameter has; where it is `CONTEXT` it may be written shorter.
    """

    owner: Declaration
    behind: Node | None
    name: str
    prefix: str
    returns: str
    parameters: tuple[str, ...]
    context: str
    throws: str
    names: tuple[str, ...]
    method: str | None

    def text(self, name: str, agent: str, context: str) -> str:
        """The method as Java, with indentations of four blanks; `name` is its own, the others those of classes."""
        given = ", ".join((*self.parameters, f"{context} context"))
        head = f"{self.prefix}{self.returns} {name}({given}){self.throws}"
        returned = "" if self.returns == "void" else "return "
        if self.method is None:
            arguments = ", ".join(("this", *self.names))
            return template(
                "java", "handler.java.j2", head=head, agent=agent, returned=returned, arguments=arguments
            )
        return template(
            "java",
            "method.java.j2",
            head=head,
            agent=agent,
            returned=returned,
            method=self.method,
            context="context",
            arguments=", ".join(self.names),
        )


def form_of(names: Names, line: Hierarchy, method: str | None) -> Form:
    """The form for a handler; raises Unproven where there is none, DetectionError where the platform knows none."""
    own = line.classes[0]
    if "abstract" in own.modifiers:
        raise Unproven(f"{own.name} is abstract", own.unit.source, own.node)
    if method is None:
        if STREAM_HANDLER in line.foreign:
            return _stream(own)
        return _request(names, line)
    found = method_of(line, method)
    if method == HANDLE and found.owner == own:
        same = _same_by_interface(names, line, found)
        if same is not None:
            return same
    return _plain(names, found)


def _same_by_interface(names: Names, line: Hierarchy, found: Method) -> Form | None:
    """The interface's form where the method that is named has the same types."""
    try:
        if STREAM_HANDLER in line.foreign and REQUEST_HANDLER not in line.foreign:
            form = _stream(line.classes[0])
        elif REQUEST_HANDLER in line.foreign and STREAM_HANDLER not in line.foreign:
            form = _request(names, line)
        else:
            return None
    except Unproven:
        return None
    types = [joined(list(one.type)) for one in found.parameters]
    mine = [one.rpartition(" ")[0] for one in form.parameters]
    is_same = types[:-1] == mine and joined(list(found.returns)) == form.returns
    return form if is_same and not found.is_generic else None


def _request(names: Names, line: Hierarchy) -> Form:
    own = line.classes[0]
    if REQUEST_HANDLER not in line.foreign:
        raise DetectionError(
            f"the class {own.binary} implements neither RequestHandler nor RequestStreamHandler",
            path=own.unit.source.path,
            line=own.unit.source.position(own.node.start_byte)[0],
            hint="name its method: package.Class::method",
        )
    reads, answers = (written(names, one, line) for one in interface_arguments(names, line))
    original = _own(own, 2)
    return Form(
        owner=own,
        behind=original.node if original else None,
        name="protectedHandler",
        prefix=f"{_warnings(original)}public ",
        returns=answers,
        parameters=(f"{reads} request",),
        context=_context(original),
        throws=_throws(original),
        names=("request", "context"),
        method=None,
    )


def _stream(own: Declaration) -> Form:
    original = _own(own, 3)
    kinds = [joined(list(one.type)) for one in original.parameters] if original else []
    reads, writes = kinds[:2] or ("java.io.InputStream", "java.io.OutputStream")
    throws = _throws(original)
    fails = "IOException" in throws.replace(",", " ").replace(".", " ").split()
    return Form(
        owner=own,
        behind=original.node if original else None,
        name="protectedHandler",
        prefix=f"{_warnings(original)}public ",
        returns="void",
        parameters=(f"{reads} input", f"{writes} output"),
        context=_context(original),
        throws=throws if fails else f"{throws or ' throws'}{',' if throws else ''} java.io.IOException",
        names=("input", "output", "context"),
        method=None,
    )


def _plain(names: Names, found: Method) -> Form:
    context = context_of(names, found)
    before = [one for one in found.parameters if one is not context]
    named = ("input", "output") if len(before) == 2 else ("request",)[: len(before)]
    capital = found.name[:1].upper() + found.name[1:]
    is_static = "static " if "static" in found.modifiers else ""
    return Form(
        owner=found.owner,
        behind=found.node,
        name=f"protected{capital}",
        prefix=f"{_warnings(found)}public {is_static}",
        returns=joined(list(found.returns)),
        parameters=tuple(f"{_as_array(one)} {name}" for one, name in zip(before, named, strict=True)),
        context=_type(context) if context else CONTEXT,
        throws=_throws(found),
        names=(*named, "context") if context else named,
        method=found.name,
    )


def _own(own: Declaration, count: int) -> Method | None:
    """The class's own `handleRequest`, if there is one with so many parameters."""
    found = [one for one in own.methods(HANDLE) if len(one.parameters) == count]
    return found[0] if len(found) == 1 else None


def _context(original: Method | None) -> str:
    return _type(original.parameters[-1]) if original else CONTEXT


def _type(parameter: Parameter) -> str:
    return joined(list(parameter.type))


def _as_array(parameter: Parameter) -> str:
    """Its type where it is not the last one any more: `...` is an array then."""
    return _type(parameter).replace("...", "[]")


def _throws(original: Method | None) -> str:
    words = list(original.throws) if original else []
    return f" throws {joined(words[1:])}" if words else ""


def _warnings(original: Method | None) -> str:
    """What the author told the compiler not to warn of, on a line of its own."""
    if original is None:
        return ""
    source = original.owner.unit.source
    found = [node for name, node in annotated(source, original.node) if name == "SuppressWarnings"]
    return f"{' '.join(text(source, found[0]).split())}\n" if found else ""
