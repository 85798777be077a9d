"""TypeScript that `tsc` alone builds: how its handler is wrapped, and the check that it is; one module for both.

What is inserted needs no types and no option of the compiler: `require` and `protect` where the output is
CommonJS, an import and a call whose type is its argument's where it is an ES module. The agent's path is the
one from the output, which is what runs; from the source it may lead nowhere, and is not to be looked up.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from defender.edits.source import Source, walk
from defender.edits.splice import Splice
from defender.errors import RewriteRefused
from defender.plan import Edit, Plan, Skipped
from defender.resources import template
from defender.runtimes.nodejs import bindings, commonjs, values
from defender.runtimes.nodejs.modules import Format, Module
from defender.runtimes.nodejs.source import (
    TYPESCRIPT,
    at_end,
    first_own,
    free_name,
    parse,
    quote_of,
    refuse_own_names,
    statements,
    text_of,
)

if TYPE_CHECKING:
    from tree_sitter import Node

_MARK = "twistlock"
_TYPE = "<T>(target: T, name?: string) => T"
# Comments that are about the next line.
_ABOUT_NEXT = re.compile(
    rb"@ts-ignore|@ts-expect-error|-next-line|prettier-ignore|biome-ignore|istanbul ignore next"
)


def wrap(path: str, data: bytes, modules: Sequence[Module]) -> Plan:
    """The edits of a source that put the agent around the handlers of the modules made of it.

    Raises DetectionError when the source exports no such name, RewriteRefused for a form that is not supported.
    """
    source = parse(path, data, TYPESCRIPT)
    plan = Plan()
    for module in modules:
        found = _binding(source, module)
        agent = _agent(source, module) or free_name(data)
        if _agent(source, module) is None:
            plan = plan.plus(_loaded_first(source, module, agent))
        else:
            plan = plan.plus(
                Plan(skipped=(Skipped(path, _rule(module), "the agent is loaded first already"),))
            )
        if _is_wrapped(source, module, found):
            reason = f"{module.export} is wrapped already"
            plan = plan.plus(Plan(skipped=(Skipped(path, "nodejs.wrap", reason),)))
        else:
            plan = plan.plus(_wrap_one(source, module, found, agent))
    return plan


def problem(path: str, data: bytes, module: Module) -> str | None:
    """What the source lacks for the handler to run inside the agent; raises RewriteRefused for unknown forms."""
    source = parse(path, data, TYPESCRIPT)
    found = _binding(source, module)
    if _agent(source, module) is None:
        return "the agent is not the first thing that is loaded"
    return None if _is_wrapped(source, module, found) else f"{module.export} is not wrapped"


def _rule(module: Module) -> str:
    return "nodejs.import" if module.format is Format.ESM else "nodejs.require"


def _path(module: Module) -> str:
    return module.agent("index.js") if module.format is Format.ESM else module.agent()


def _loaded_first(source: Source, module: Module, agent: str) -> Plan:
    quote = quote_of(source)
    path = f"{quote}{_path(module)}{quote}"
    kind = "mts" if module.format is Format.ESM else "cts"
    statement = template("nodejs", f"first.{kind}.j2", agent=agent, path=path)
    splice = _before_first(source, _lines(source, statement))
    why = "the core has to be active before the file's own statements run"
    prove = partial(_prove, source.path, module)
    return Plan(edits=(Edit(source.path, _rule(module), why, (splice,), prove),))


def _lines(source: Source, text: str) -> bytes:
    return text.replace("\n", source.newline.decode()).encode()


def _before_first(source: Source, text: bytes) -> Splice:
    """In front of the first statement, and of comments that are about its line."""
    first = first_own(source)
    assert first is not None  # It exports something.
    start = first.start_byte
    node = first.prev_sibling
    while node is not None and node.type == "comment":
        if _ABOUT_NEXT.search(source.bytes_of(node)):
            start = node.start_byte
        node = node.prev_sibling
    lead = source.data[source.line_start(start) : start].removeprefix(b"\xef\xbb\xbf")
    before = source.newline if lead.strip() else b""
    return Splice.insert(start, before + text + source.newline)


def _wrap_one(source: Source, module: Module, found: bindings.Binding, agent: str) -> Plan:
    why = f"calls of {module.export} go through the agent"
    prove = partial(_prove, source.path, module)
    if module.format is Format.COMMONJS:
        text = template("nodejs", "protect.cts.j2", agent=agent, export=json.dumps(module.export))
        splices: tuple[Splice, ...] = (at_end(source, _lines(source, text).decode()),)
        return Plan(edits=(Edit(source.path, "nodejs.protect", why, splices, prove),))
    if found.value is not None:
        hint = f', "{found.named}"' if found.named and values.is_anonymous(found.value) else ""
        splices = (
            Splice.insert(found.value.start_byte, f"({agent}.handler as {_TYPE})(".encode()),
            Splice.insert(found.value.end_byte, f"{hint} /* {_MARK} */)".encode()),
        )
        return Plan(edits=(Edit(source.path, "nodejs.enclose", why, splices, prove),))
    text = template("nodejs", "assign.mts.j2", target=found.local or "", agent=agent)
    splices = (at_end(source, _lines(source, text).decode()),)
    return Plan(edits=(Edit(source.path, "nodejs.rebind", why, splices, prove),))


def _binding(source: Source, module: Module) -> bindings.Binding:
    """What the handler's export stands for; refuses what the insertions would not hold for."""
    exporting = (one for one in statements(source) if one.type == "export_statement")
    if module.format is Format.COMMONJS and next(exporting, None) is None:
        return _assigned(source, module)
    _refuse_own_module(source)
    found = bindings.binding(source, module)
    if module.format is Format.COMMONJS:
        _refuse_rebound(source, found)
        return found
    is_declaration = found.value is not None and found.value.type.endswith(("_declaration", "class"))
    is_function = found.value is not None and found.value.type in (
        "function_expression",
        "generator_function",
    )
    is_default = found.named == "default" and is_function
    if len(module.keys) > 1 or (found.value is None and found.local is None) or is_declaration or is_default:
        raise _refusal(
            source, found.node, f"{module.export!r} can't be wrapped in the source of an ES module"
        )
    return found


def _assigned(source: Source, module: Module) -> bindings.Binding:
    """An export by `exports.x =` or `module.exports =`, which the compiler leaves as it is."""
    refuse_own_names(source)
    late = commonjs.form(source, module).late
    if late is not None:
        raise _refusal(source, late, f"{module.export!r} may be exported later, by a function")
    return bindings.Binding(source.root)


def _refuse_rebound(source: Source, found: bindings.Binding) -> None:
    """Raise RewriteRefused where the names of an export statement get other values later, which would be exported."""
    if found.value is None and found.local is None and found.node.child_by_field_name("source") is None:
        for node in walk(found.node):
            if node.type in ("identifier", "shorthand_property_identifier_pattern"):
                bindings.refuse_rebinding(source, text_of(source, node))


def _refuse_own_module(source: Source) -> None:
    """Raise RewriteRefused where the file does more to its module than to export by its own statements."""
    for statement in statements(source):
        if statement.type == "export_statement" and any(child.type == "=" for child in statement.children):
            # The compiler moves this one to the end.
            raise _refusal(source, statement, "`export =` would undo the wrapping")
    for node in walk(source.root):
        if node.text not in _OWN or node.type not in _NAMES:
            continue
        parent = node.parent
        kind = "" if parent is None else parent.type
        is_ours = kind == "arguments" and parent is not None and _is_protect(source, parent.parent)
        if node.type == "type_identifier" and not kind.endswith("class_declaration"):
            continue
        # `require.main === module`, and what is required.
        if not (kind in _USES[node.text] or is_ours) or node.type != "identifier":
            raise _refusal(source, node, f"the file uses {text_of(source, node)!r} by itself")


_NAMES = ("identifier", "type_identifier", "shorthand_property_identifier_pattern")
_USES: dict[bytes, tuple[str, ...]] = {
    b"exports": (),
    b"module": ("binary_expression",),
    b"require": ("call_expression", "member_expression", "unary_expression"),
}
_OWN = frozenset(_USES)


def _is_protect(source: Source, call: Node | None) -> bool:
    callee = "" if call is None else text_of(source, call.child_by_field_name("function"))
    return _MARK in callee and callee.endswith(".protect")


def _agent(source: Source, module: Module) -> str | None:
    """The agent's name, where the first statement loads it."""
    text = text_of(source, first_own(source))
    path = re.escape(_path(module))
    wanted = rf"(?:import (\w+) from|(?:const|var) (\w+) = require\()\s*['\"]{path}['\"]\)?;?"
    match = re.fullmatch(wanted, text)
    if match is None or bool(match[1]) != (module.format is Format.ESM):
        return None
    return match[1] or match[2]


def _is_wrapped(source: Source, module: Module, found: bindings.Binding) -> bool:
    agent = _agent(source, module)
    if agent is None:
        return False
    if module.format is Format.ESM and found.value is not None:
        callee = text_of(source, found.value.child_by_field_name("function"))
        return found.value.type == "call_expression" and callee == f"({agent}.handler as {_TYPE})"
    if module.format is Format.ESM:
        wanted = f"{found.local} = {agent}.handler({found.local});"
    else:
        wanted = f"{agent}.protect(module, {json.dumps(module.export)});"
    other = rf"{agent}\.protect\(module, \"[^\"]*\"\);|(\w+) = {agent}\.handler\(\1\);"
    for statement in reversed(statements(source)):
        text = text_of(source, statement)
        if text == wanted:
            return True
        if not re.fullmatch(other, text):
            return False
    return False


def _prove(path: str, module: Module, after: bytes) -> None:
    found = problem(path, after, module)
    if found is not None:
        raise RewriteRefused(f"the result would not be protected: {found}", path=path)


def _refusal(source: Source, node: Node, message: str) -> RewriteRefused:
    line, column = source.position(node.start_byte)
    return RewriteRefused(
        message,
        path=source.path,
        line=line,
        column=column,
        hint="export a function or constant of this file's own, or embed the built package",
    )
