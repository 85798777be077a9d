"""The edits that put the agent around a handler in a Java source, and their proof by parsing the result."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial

from defender.errors import RewriteRefused
from defender.plan import Edit
from defender.resources import template
from defender.runtimes.java.checking import AGENT, SIMPLE, declares
from defender.runtimes.java.forms import Form
from defender.runtimes.java.hierarchy import Hierarchy, type_names
from defender.runtimes.java.layout import behind_member, first_in_body, imported, last_in_body
from defender.runtimes.java.names import CONTEXT
from defender.runtimes.java.sources import Sources
from defender.runtimes.java.syntax import Unproven, spelled, tokens
from defender.runtimes.java.units import Declaration, Unit


@dataclass(frozen=True)
class _Naming:
    """How a file is to name a class, and the import that it needs for it."""

    text: str
    wanted: str | None


def edits(sources: Sources, line: Hierarchy, form: Form) -> tuple[tuple[Edit, ...], str]:
    """The edits of all files that change, and the name of the method that is to be the handler."""
    name = _free_name(sources, form)
    found: list[Edit] = []
    agent = _agent(line, form.owner.unit)
    context = _context(line, form)
    for one in (context, agent):
        found += _import(form.owner.unit, one)
    top = line.top
    start = _agent(line, top.unit)
    found += _import(top.unit, start)
    text = template("java", "start.java.j2", agent=start.text).strip()
    found.append(
        Edit(
            top.unit.source.path,
            "java.start",
            f"the agent starts before all that {top.binary} has",
            (first_in_body(top, text),),
            partial(_prove_start, top, text),
        )
    )
    found.append(_method(form, name, agent.text, context.text))
    return tuple(dict.fromkeys(found)), name


def _method(form: Form, name: str, agent: str, context: str) -> Edit:
    text = form.text(name, agent, context).strip()
    behind = form.behind
    owner = form.owner
    splice = behind_member(owner, behind, text) if behind is not None else last_in_body(owner, text)
    return Edit(
        owner.unit.source.path,
        "java.handler",
        f"{owner.binary}::{name} calls the handler inside the agent",
        (splice,),
        partial(_prove_method, owner, name, text),
    )


def _free_name(sources: Sources, form: Form) -> str:
    """A name that occurs nowhere in the project."""
    for count in range(1, 100):
        name = form.name if count == 1 else f"{form.name}{count}"
        if not sources.mentions(spelled(name)):
            return name
    raise Unproven(f"all names like {form.name} are taken", form.owner.unit.source, form.owner.node)


def _agent(line: Hierarchy, unit: Unit) -> _Naming:
    """By its simple name, if no other use of that is near; Unproven where even the full one is hidden."""
    is_known = any(declares(one.unit, SIMPLE) for one in line.all_types) or SIMPLE in type_names(line)
    if not is_known and not re.search(rb"\b%s\b" % SIMPLE.encode(), unit.source.data):
        return _Naming(SIMPLE, AGENT)
    if any(declares(one.unit, "com") for one in line.all_types):
        raise Unproven("something is called com", unit.source)
    return _Naming(AGENT, None)


def _context(line: Hierarchy, form: Form) -> _Naming:
    if form.context != CONTEXT:
        return _Naming(form.context, None)
    unit = form.owner.unit
    simple = CONTEXT.rpartition(".")[2]
    if unit.single.get(simple) == CONTEXT and simple not in type_names(line):
        return _Naming(simple, None)
    is_known = simple in type_names(line) or any(declares(one.unit, simple) for one in line.all_types)
    if is_known or not unit.imports or re.search(rb"\b%s\b" % simple.encode(), unit.source.data):
        return _Naming(CONTEXT, None)
    return _Naming(simple, CONTEXT)


def _import(unit: Unit, one: _Naming) -> list[Edit]:
    if one.wanted is None:
        return []
    path = unit.source.path
    prove = partial(_prove_import, path, one.wanted)
    return [Edit(path, "java.import", f"the file names {one.wanted}", (imported(unit, one.wanted),), prove)]


def _prove_import(path: str, name: str, after: bytes) -> None:
    unit = _parsed(path, after)
    if unit.single.get(name.rpartition(".")[2]) != name:
        raise RewriteRefused(f"the result would not show {name} as imported", path=path)


def _prove_start(top: Declaration, text: str, after: bytes) -> None:
    found = _again(top, after)
    first = found.members[0] if found.members else None
    if first is None or "".join(tokens(found.unit.source, first)) != "".join(text.split()):
        raise RewriteRefused(f"the result would not start the agent first in {top.binary}", path=_path(top))


def _prove_method(owner: Declaration, name: str, text: str, after: bytes) -> None:
    found = _again(owner, after)
    methods = found.methods(name)
    expected = re.sub(r"@SuppressWarnings\(.*\)", "", text.partition("\n")[0]) + text.partition("\n")[2]
    is_there = len(methods) == 1 and "".join(tokens(found.unit.source, methods[0].node)) == "".join(
        expected.split()
    )
    if not is_there:
        raise RewriteRefused(f"the result would not show {owner.binary}::{name}", path=_path(owner))


def _again(before: Declaration, after: bytes) -> Declaration:
    """The same class in the file's new content."""
    unit = _parsed(_path(before), after)
    found = [one for one in unit.all_types() if one.binary == before.binary]
    if len(found) != 1:
        raise RewriteRefused(f"the result would not show the class {before.binary}", path=_path(before))
    return found[0]


def _parsed(path: str, after: bytes) -> Unit:
    try:
        return Unit(path, after)
    except Unproven as error:
        raise RewriteRefused(f"the result could not be parsed: {error.reason}", path=path) from error


def _path(one: Declaration) -> str:
    return one.unit.source.path
