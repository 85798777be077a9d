"""How the handler of a CommonJS module is wrapped, and the check that it is: one module for both.

The agent is required behind the directives. At the end, an export that is a plain assignment is assigned
once more, wrapped, as the manual writes it. Any other is replaced by the agent itself, `protect`, which
also deals with getters that can't be redefined and with frozen objects.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from defender.edits.source import Source
from defender.errors import DetectionError, RewriteRefused
from defender.plan import Edit, Plan, Skipped
from defender.resources import template
from defender.runtimes.nodejs import values
from defender.runtimes.nodejs.doubt import warning
from defender.runtimes.nodejs.exporting import Export, exports
from defender.runtimes.nodejs.modules import Module
from defender.runtimes.nodejs.source import (
    at_end,
    before,
    first_own,
    free_name,
    is_bound_once,
    parse,
    quote_of,
    refuse_unreachable,
    statements,
    string_value,
    text_of,
)

if TYPE_CHECKING:
    from tree_sitter import Node

# What may make `module.exports` something that answers anew each time.
_DEFINES = re.compile(r"(?:Object\.define|Reflect\.|Object\.setPrototypeOf)")
_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*")


@dataclass(frozen=True)
class Form:
    """How a name is exported: `target` is what can be assigned to, None where only the agent can replace it.

    `late`: where a function that is merely defined when the module is loaded exports it, then or again.
    `is_shown`: the source says by itself that the name is exported.
    """

    target: str | None
    value: Node | None
    late: Node | None = None
    is_shown: bool = True


def wrap(data: bytes, modules: Iterable[Module]) -> Plan:
    """The edits that put the agent around each of a file's handlers.

    Raises DetectionError when the module exports no such name, RewriteRefused for a form that is not
    supported.
    """
    plan = Plan()
    for module in modules:
        source = parse(module.path, data)
        refuse_unreachable(source)
        plan = plan.plus(_required_first(source, module))
        agent = (agents(source, module) or (free_name(data),))[0]
        plan = plan.plus(_wrap_one(source, module, agent))
    return plan


def problem(data: bytes, module: Module) -> str | None:
    """What the file lacks for the handler to run inside the agent; raises RewriteRefused for unknown forms."""
    source = parse(module.path, data)
    refuse_unreachable(source)
    if not _is_required_first(source, module):
        return "the agent is not the first thing that is loaded"
    return None if _is_wrapped(source, module) else f"{module.export} is not wrapped"


def shape(data: bytes, module: Module) -> str:
    """`sync` or `async` for a function that is assigned; `callable` for all that takes our own agent."""
    source = parse(module.path, data)
    found = form(source, module)
    return "callable" if found.target is None else values.kind(source, found.value)


def agents(source: Source, module: Module) -> tuple[str, ...]:
    """The names by which the module knows the agent."""
    found = []
    for statement in statements(source):
        if statement.type in ("variable_declaration", "lexical_declaration"):
            found += [
                name
                for name in (_agent(source, one, module) for one in statement.named_children)
                if name and is_bound_once(source, name)
            ]
    return tuple(found)


def _agent(source: Source, declarator: Node, module: Module) -> str | None:
    """The name, where a declaration is `name = require('./twistlock')`."""
    name, value = declarator.child_by_field_name("name"), declarator.child_by_field_name("value")
    if name is None or name.type != "identifier" or value is None or value.type != "call_expression":
        return None
    arguments = value.child_by_field_name("arguments")
    given = [] if arguments is None else arguments.named_children
    path = string_value(source, given[0]) if len(given) == 1 else None
    if text_of(source, value.child_by_field_name("function")) != "require" or path is None:
        return None
    folder = posixpath.normpath(posixpath.join(posixpath.dirname(module.path), path)).removesuffix(
        "/index.js"
    )
    is_agent = path.startswith(".") and folder == posixpath.join(module.task_root, "twistlock")
    return text_of(source, name) if is_agent else None


def _is_required_first(source: Source, module: Module) -> bool:
    first = first_own(source)
    if first is None or first.type not in ("variable_declaration", "lexical_declaration"):
        return False
    return _agent(source, first.named_children[0], module) is not None


def _required_first(source: Source, module: Module) -> Plan:
    rule = "nodejs.require"
    if _is_required_first(source, module):
        return Plan(skipped=(Skipped(source.path, rule, "the agent is required first already"),))
    quote = quote_of(source)
    statement = template(
        "nodejs", "require.js.j2", agent=free_name(source.data), path=f"{quote}{module.agent()}{quote}"
    )
    why = "the core has to be active before the file's own statements run"
    splice = before(source, first_own(source), statement)
    return Plan(edits=(Edit(source.path, rule, why, (splice,), partial(_prove, module)),))


def _wrap_one(source: Source, module: Module, agent: str) -> Plan:
    found = form(source, module)
    if _is_wrapped(source, module):
        reason = f"{module.export} is wrapped already"
        return Plan(skipped=(Skipped(source.path, "nodejs.wrap", reason),))
    if found.target is not None:
        entry = "asyncHandler" if values.kind(source, found.value) == "async" else "handler"
        text = template("nodejs", "assign.js.j2", target=found.target, agent=agent, entry=entry)
        rule, why = "nodejs.assign", f"calls of {module.export} go through the agent"
    elif found.late is not None:
        text = _call(agent, "guard", module)
        rule, why = (
            "nodejs.guard",
            f"a function may export {module.export}: the agent answers whenever it is read",
        )
    else:
        text = _call(agent, "protect", module)
        rule = "nodejs.protect"
        why = f"{module.export} is no plain assignment: the agent takes its place when the module is complete"
    edit = Edit(source.path, rule, why, (at_end(source, text),), partial(_prove, module))
    doubt = Plan() if found.is_shown else warning(source.data, module)
    return Plan(edits=(edit,)).plus(doubt)


def _call(agent: str, call: str, module: Module) -> str:
    return template("nodejs", "protect.js.j2", agent=agent, call=call, export=json.dumps(module.export))


def form(source: Source, module: Module) -> Form:
    """How the module exports the handler; raises DetectionError where it does not."""
    key = module.keys[0]
    found = [one for one in exports(source) if one.key in (key, None)]
    for one in found:
        if one.via == "module" and _DEFINES.match(
            text_of(source, one.node.parent and one.node.parent.parent)
        ):
            raise _refusal(source, one.node, "`module` itself is changed, which may undo the wrapping")
    late = next((one.node for one in found if one.is_late and one.is_write), None)
    found = [one for one in found if not one.is_late]
    is_shown = any(one.key == key for one in found) or any(_holds(source, one, key) for one in found)
    if late is not None:
        return Form(None, None, late, is_shown)
    if not any(_may_export(source, one, key) for one in found):
        raise DetectionError(
            f"the module exports no {key!r}",
            path=source.path,
            hint="name the handler with --handler file.export",
        )
    if len(module.keys) > 1:
        return Form(None, None, is_shown=is_shown)
    return _plain(source, found, key) or Form(None, _value(found, key), is_shown=is_shown)


def _holds(source: Source, one: Export, key: str) -> bool:
    """Whether an object that is exported as it is written down has the name."""
    is_object = one.is_whole and one.value is not None and one.value.type == "object"
    return is_object and one.value is not None and _held(source, one.value, key)[0] is not None


def _may_export(source: Source, one: Export, key: str) -> bool:
    """Whether the name may come from here; an object that is written down says itself what it holds."""
    if one.is_whole and one.value is not None and one.value.type == "object":
        held, is_complete = _held(source, one.value, key)
        return held is not None or not is_complete
    return not (one.is_whole and one.value is not None and values.is_primitive(one.value))


def _refusal(source: Source, node: Node, message: str) -> RewriteRefused:
    line, column = source.position(node.start_byte)
    hint = "export the handler by a statement of the module's own"
    return RewriteRefused(message, path=source.path, line=line, column=column, hint=hint)


def _plain(source: Source, found: list[Export], key: str) -> Form | None:
    """The form that the manual's assignment holds for: assigned by statements, to one and the same object."""
    if any(not one.is_statement or (one.key is None and not one.is_whole) for one in found):
        return None
    wholes = [one for one in found if one.is_whole]
    writes = [one for one in found if not one.is_whole]
    via = {one.via for one in writes}
    if not wholes:
        return Form(f"{writes[-1].via}{_access(key)}", writes[-1].value) if len(via) == 1 else None
    last = wholes[-1]
    if last.via != "module.exports" or last.value is None or last.value.type != "object":
        return None
    after = [one for one in writes if one.node.start_byte > last.node.start_byte]
    if any(one.via != "module.exports" for one in after):
        return None
    held, is_complete = _held(source, last.value, key)
    value = after[-1].value if after else held
    if not is_complete or value is None:
        return None
    return Form(f"module.exports{_access(key)}", value)


def _held(source: Source, literal: Node, key: str) -> tuple[Node | None, bool]:
    """What an object literal holds under a name, and whether that is all that can be said."""
    held: Node | None = None
    for one in literal.named_children:
        if one.type == "pair":
            name = one.child_by_field_name("key")
            if name is None or name.type == "computed_property_name":
                return None, False
            if text_of(source, name).strip("'\"") == key:
                held = one.child_by_field_name("value")
        elif one.type == "shorthand_property_identifier":
            held = one if text_of(source, one) == key else held
        elif one.type == "method_definition":
            accessor = any(child.type in ("get", "set", "static get") for child in one.children)
            if text_of(source, one.child_by_field_name("name")).strip("'\"") == key:
                if accessor:
                    return None, False
                held = one
        elif one.type != "comment":
            return None, False
    return held, True


def _access(key: str) -> str:
    return f".{key}" if _IDENTIFIER.fullmatch(key) else f"[{json.dumps(key)}]"


def _value(found: list[Export], key: str) -> Node | None:
    shown = [one.value for one in found if one.key == key and one.value is not None]
    return shown[-1] if shown else None


def _is_wrapped(source: Source, module: Module) -> bool:
    """Whether the statements at the end, with nothing behind them to undo it, wrap the handler."""
    names = agents(source, module)
    if not names:
        return False
    agent = rf"(?:{'|'.join(map(re.escape, names))})"
    for statement in reversed(statements(source)):
        text = re.sub(r"\s", "", text_of(source, statement)).removesuffix(";")
        replaced = re.fullmatch(
            rf"{agent}\.(protect|guard)\(module,{re.escape(json.dumps(module.export))}\)", text
        )
        if replaced is not None:
            return replaced[1] == "guard" or form(source, module).late is None
        assigned = re.fullmatch(rf"(\S+?)={agent}\.(?:handler|asyncHandler)\(\1\)", text)
        if assigned is not None:
            target = form(source, module).target if len(module.keys) == 1 else None
            if assigned[1] == target:
                return True
        elif not re.fullmatch(rf"{agent}\.(?:protect|guard)\(module,\"[^\"]*\"\)", text):
            return False
    return False


def _prove(module: Module, after: bytes) -> None:
    found = problem(after, module)
    if found is not None:
        raise RewriteRefused(f"the result would not be protected: {found}", path=module.path)
