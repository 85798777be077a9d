"""How the handler of an ES module is wrapped in place, and the check that it is: one module for both.

The agent is imported first. A value that is written where it is exported gets the call around it; a
binding that can be assigned to (a function, `let`, `var`) is assigned at the end, which importers see.
What is neither (re-exports, destructuring, `export *`) is `facade`'s business.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from defender.edits.source import Source
from defender.edits.splice import Splice
from defender.errors import RewriteRefused
from defender.plan import Edit, Plan, Skipped
from defender.resources import template
from defender.runtimes.nodejs import values
from defender.runtimes.nodejs.bindings import DECLARED_BY_DEFAULT, Binding, binding, valued
from defender.runtimes.nodejs.modules import Module
from defender.runtimes.nodejs.source import (
    JAVASCRIPT,
    at_end,
    before,
    first_own,
    free_name,
    parse,
    quote_of,
    statements,
    string_value,
    text_of,
)

if TYPE_CHECKING:
    from tree_sitter import Node


_MARK = "twistlock"


def wrap(data: bytes, modules: Iterable[Module], grammar: str) -> Plan | None:
    """The edits that put the agent around each of a file's handlers; None where it takes a facade.

    Raises DetectionError when the module exports no such name, RewriteRefused for a form that is not
    supported.
    """
    plan = Plan()
    for module in modules:
        source = parse(module.path, data, grammar)
        found = binding(source, module)
        if found.value is None and found.local is None:
            return None
        plan = plan.plus(_imported_first(source, module))
        agent = (agents(source, module) or (free_name(data),))[0]
        plan = plan.plus(_wrap_one(source, module, found, agent))
    return plan


def problem(data: bytes, module: Module, grammar: str) -> str | None:
    """What the file lacks for the handler to run inside the agent; raises RewriteRefused for unknown forms."""
    source = parse(module.path, data, grammar)
    if not is_imported_first(source, module):
        return "the agent is not the first thing that is imported"
    return None if _is_wrapped(source, module, binding(source, module)) else f"{module.export} is not wrapped"


def agents(source: Source, module: Module) -> tuple[str, ...]:
    """The names by which the module knows the agent."""
    return tuple(filter(None, (_agent(source, one, module) for one in statements(source))))


def is_imported_first(source: Source, module: Module) -> bool:
    """Whether the agent's import stands before all other statements, imports among them."""
    first = first_own(source)
    return first is not None and _agent(source, first, module) is not None


def _agent(source: Source, statement: Node, module: Module) -> str | None:
    """The name, where a statement is `import name from './twistlock/index.js'`."""
    if statement.type != "import_statement":
        return None
    path = string_value(source, statement.child_by_field_name("source"))
    clause = next((one for one in statement.named_children if one.type == "import_clause"), None)
    if path != module.agent("index.js") or clause is None or clause.named_child_count != 1:
        return None
    name = clause.named_children[0]
    if name.type == "namespace_import" and source.grammar != JAVASCRIPT:
        name = name.named_children[0]
    return text_of(source, name) if name.type == "identifier" else None


def _imported_first(source: Source, module: Module) -> Plan:
    rule = "nodejs.import"
    if is_imported_first(source, module):
        return Plan(skipped=(Skipped(source.path, rule, "the agent is imported first already"),))
    quote = quote_of(source)
    path = f"{quote}{module.agent('index.js')}{quote}"
    name = "import.mjs.j2" if source.grammar == JAVASCRIPT else "import.ts.j2"
    statement = template("nodejs", name, agent=free_name(source.data), path=path)
    why = "the core has to be active before the file's own statements run"
    prove = partial(_prove, module, source.grammar)
    return Plan(edits=(Edit(source.path, rule, why, (before(source, first_own(source), statement),), prove),))


def _wrap_one(source: Source, module: Module, found: Binding, agent: str) -> Plan:
    if _is_wrapped(source, module, found):
        reason = f"{module.export} is wrapped already"
        return Plan(skipped=(Skipped(source.path, "nodejs.wrap", reason),))
    entry = "asyncHandler" if values.kind(source, valued(source, found)) == "async" else "handler"
    why = f"calls of {module.export} go through the agent"
    prove = partial(_prove, module, source.grammar)
    if found.value is not None:
        splices = _around(found, f"{agent}.{entry}")
        return Plan(edits=(Edit(source.path, "nodejs.enclose", why, splices, prove),))
    if len(module.keys) > 1:
        text = template(
            "nodejs",
            "protect.mjs.j2",
            agent=agent,
            local=found.local or "",
            export=json.dumps(_inner(module, found)),
        )
    else:
        text = template("nodejs", "assign.js.j2", target=found.local or "", agent=agent, entry=entry)
        if source.grammar != JAVASCRIPT:
            # A function's name is no variable to the type checker (TS2630).
            text = f"// @ts-ignore{source.newline.decode()}{text}"
    return Plan(edits=(Edit(source.path, "nodejs.rebind", why, (at_end(source, text),), prove),))


def _inner(module: Module, found: Binding) -> str:
    return ".".join((found.local or "", *module.keys[1:]))


def _around(found: Binding, call: str) -> tuple[Splice, Splice]:
    """The call around an expression; one without a name of its own is told the one that it had."""
    value = found.value
    assert value is not None
    hint = f', "{found.named}"' if found.named and values.is_anonymous(value) else ""
    # What was a declaration needed no semicolon.
    end = ";" if found.named == "default" and value.type in DECLARED_BY_DEFAULT else ""
    # The comment tells our bracket from others when it is taken out of a file that was edited since.
    close = f"{hint} /* {_MARK} */){end}"
    return Splice.insert(value.start_byte, f"{call}(".encode()), Splice.insert(value.end_byte, close.encode())


def _is_wrapped(source: Source, module: Module, found: Binding) -> bool:
    """Whether the value is the agent's call, or the last statements assign it wrapped."""
    names = agents(source, module)
    if not names:
        return False
    agent = rf"(?:{'|'.join(map(re.escape, names))})"
    call = rf"{agent}\.(?:handler|asyncHandler)"
    if found.value is not None:
        callee = found.value.child_by_field_name("function")
        return found.value.type == "call_expression" and bool(re.fullmatch(call, text_of(source, callee)))
    if found.local is None:
        return False
    inner = re.escape(json.dumps(_inner(module, found)))
    local = re.escape(found.local)
    wanted = rf"{local}={call}\({local}\)"
    if len(module.keys) > 1:
        wanted = rf"{agent}\.protect\({{exports:{{{local}}}}},{inner}\)"
    other = rf"\w+={call}\(\w+\)|{agent}\.protect\(.*\)"
    for statement in reversed(statements(source)):
        text = re.sub(r"\s", "", text_of(source, statement)).removesuffix(";")
        if re.fullmatch(wanted, text):
            return True
        if not re.fullmatch(other, text):
            return False
    return False


def _prove(module: Module, grammar: str, after: bytes) -> None:
    found = problem(after, module, grammar)
    if found is not None:
        raise RewriteRefused(f"the result would not be protected: {found}", path=module.path)
