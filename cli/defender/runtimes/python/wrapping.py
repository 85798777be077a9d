"""How a Python handler is wrapped, and the check that a file's handler is wrapped: one module for both.

Two forms, as the manual writes them. `def` that is the name's only binding: the import as first
statement, and `@twistlock.serverless.handler` as outermost decorator. Any other binding: the import, and
`name = twistlock.serverless.handler(name)` at the end of the module.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from defender.edits.source import Source
from defender.edits.splice import Splice
from defender.errors import DetectionError, RewriteRefused
from defender.plan import Edit, Plan, Skipped
from defender.resources import template
from defender.runtimes.python import bindings as names
from defender.runtimes.python.importing import (
    agent_name,
    appended,
    free_name,
    import_first,
    is_imported_first,
    line_of,
)
from defender.runtimes.python.rebinding import refuse_rebinding
from defender.runtimes.python.source import parse

if TYPE_CHECKING:
    from tree_sitter import Node


@dataclass(frozen=True)
class Check:
    """What a file shows about one handler: is the agent imported first, is the handler wrapped."""

    imported_first: bool
    wrapped: bool

    @property
    def protected(self) -> bool:
        """Both, and only then the handler runs inside the agent."""
        return self.imported_first and self.wrapped


def check(path: str, data: bytes, dotted: str, handler: str) -> Check:
    """Look in the source for what `embed` puts there; raises RewriteRefused for forms it can't judge."""
    source = parse(path, data)
    refuse_rebinding(source, handler, dotted)
    agent = agent_name(source)
    return Check(
        imported_first=is_imported_first(source),
        wrapped=agent is not None and _is_wrapped(source, handler, agent),
    )


def wrap(path: str, data: bytes, dotted: str, handlers: Iterable[str]) -> Plan:
    """The edits that put the agent around each of a module's handlers.

    Raises DetectionError when a handler is not in the module, RewriteRefused for a form that is not
    supported.
    """
    source = parse(path, data)
    plan = import_first(path, data)
    agent = agent_name(source) or free_name(source)
    for handler in dict.fromkeys(handlers):
        refuse_rebinding(source, handler, dotted)
        plan = plan.plus(_wrap_one(source, handler, agent, dotted))
    return plan


def _wrap_one(source: Source, handler: str, agent: str, dotted: str) -> Plan:
    bound = names.bindings(source, handler)
    stars = names.star_imports(source)
    certain = names.is_certain(source, handler)
    if not certain and (names.bindings(source, "__getattr__") or not (bound or stars)):
        raise _missing(source, handler)
    if _is_wrapped(source, handler, agent):
        reason = f"{handler} is wrapped already"
        return Plan(skipped=(Skipped(source.path, "python.wrap", reason),))
    _refuse_half_wrapped(source, bound, agent, handler)
    function = bound[0].function if len(bound) == 1 else None
    later = [star for star in stars if bound and star.start_byte > bound[0].node.start_byte]
    prove = partial(_prove_wrapped, source.path, dotted, handler)
    if function is not None and not later:
        text = template("python", "decorator.py.j2", agent=agent)
        splice = Splice.insert(bound[0].statement.start_byte, line_of(source, text))
        why = f"calls of {handler} go through the agent; the outermost decorator sees them first"
        return Plan(edits=(Edit(source.path, "python.decorate", why, (splice,), prove),))
    name = "rebind.py.j2" if certain else "rebind-if-bound.py.j2"
    text = template("python", name, agent=agent, handler=handler)
    splice = Splice.insert(len(source.data), appended(source, text))
    why = f"{handler} is not bound by one def: it is wrapped when the module is complete"
    return Plan(edits=(Edit(source.path, "python.rebind", why, (splice,), prove),))


def _missing(source: Source, handler: str) -> DetectionError | RewriteRefused:
    served = names.bindings(source, "__getattr__")
    if served:
        line, column = source.position(served[0].node.start_byte)
        return RewriteRefused(
            f"{handler!r} is served by the module's __getattr__",
            path=source.path,
            line=line,
            column=column,
            hint="bind the handler once, by def, assignment or import",
        )
    return DetectionError(
        f"the module binds no name {handler!r}",
        path=source.path,
        hint="name the handler with --handler file.function",
    )


def _is_wrapped(source: Source, handler: str, agent: str) -> bool:
    """Whether the name's last binding puts the agent outermost, with nothing behind it to undo that."""
    bound = names.bindings(source, handler)
    if not bound:
        return False
    last = bound[-1]
    if any(star.start_byte > last.node.start_byte for star in names.star_imports(source)):
        return False
    if last.function is not None:
        return len(bound) == 1 and _outermost(source, last) == f"{agent}.handler"
    text = source.bytes_of(last.statement).decode("utf-8", "replace")
    return re.sub(r"[ \t]", "", text) in {
        re.sub(r"[ \t]", "", template("python", name, agent=agent, handler=handler))
        for name in ("rebind.py.j2", "rebind-if-bound.py.j2")
    }


def _outermost(source: Source, binding: names.Binding) -> str | None:
    if binding.statement.type != "decorated_definition":
        return None
    decorator = binding.statement.named_children[0]
    return source.bytes_of(decorator.named_children[0]).decode("utf-8", "replace")


def _refuse_half_wrapped(source: Source, bound: list[names.Binding], agent: str, handler: str) -> None:
    """A wrapping by hand that is not the form we can vouch for must not be added to."""
    for binding in bound:
        if f"{agent}.handler".encode() in _heads(source, binding.statement):
            line, column = source.position(binding.statement.start_byte)
            raise RewriteRefused(
                f"{handler!r} is wrapped by hand, but not outermost or not last",
                path=source.path,
                line=line,
                column=column,
                hint="make the agent's decorator the topmost one, or take it out and embed again",
            )


def _heads(source: Source, statement: Node) -> bytes:
    """The decorators of a definition, or the whole of another statement."""
    if statement.type == "decorated_definition":
        definition = statement.child_by_field_name("definition")
        end = statement.end_byte if definition is None else definition.start_byte
        return source.data[statement.start_byte : end]
    return source.bytes_of(statement) if statement.type == "expression_statement" else b""


def _prove_wrapped(path: str, dotted: str, handler: str, after: bytes) -> None:
    if not check(path, after, dotted, handler).protected:
        raise RewriteRefused(f"the result would not show {handler!r} as wrapped", path=path)
