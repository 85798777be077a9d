"""The check that a handler in a Java source runs inside the agent, and that the agent starts before all else.

Embedding proves its own result by it; `verify`, and files that were protected by hand, are held against the same.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from defender.edits.source import walk
from defender.runtimes.java.hierarchy import Hierarchy
from defender.runtimes.java.names import REQUEST_HANDLER, STREAM_HANDLER
from defender.runtimes.java.syntax import text, tokens
from defender.runtimes.java.units import Method, Unit

if TYPE_CHECKING:
    from tree_sitter import Node

AGENT = "com.twistlock.serverless.Twistlock"
SIMPLE = "Twistlock"
_NAME = r"[^\W\d][\w$]*"
_BY_INTERFACE = re.compile(rf"{{ (?:return )?AGENT \. Handler \( this , ({_NAME}(?: , {_NAME})*) \) ; }}")
_BY_METHOD = re.compile(
    rf"{{ AGENT \. Invocation ({_NAME}) = AGENT \. begin \( ({_NAME}) \) ; "
    rf"try {{ (?:return )?({_NAME}) \( ((?:{_NAME}(?: , {_NAME})*)?) ?\) ; }} finally {{ \1 \. end \( \) ; }} }}"
)


def agent_in(unit: Unit) -> str:
    """How a file names the agent's class: by its simple name where it is imported and means nothing else."""
    return SIMPLE if unit.single.get(SIMPLE) == AGENT else AGENT


def starts_first(line: Hierarchy) -> bool:
    """Whether the first member of the topmost class is the initialiser that starts the agent."""
    top = line.top
    if not top.members or top.members[0].type != "static_initializer" or top.kind == "enum":
        return False
    found = _words(top.unit, tokens(top.unit.source, top.members[0]))
    return found == "static { AGENT . start ( ) ; }" and not _hides(line)


def is_protecting(line: Hierarchy, method: Method) -> bool:
    """Whether a method does nothing but call the handler inside the agent."""
    body = method.node.child_by_field_name("body")
    if body is None or "public" not in method.modifiers or _hides(line):
        return False
    owner = method.owner
    found = _words(owner.unit, tokens(owner.unit.source, body))
    given = [one.name for one in method.parameters]
    by_interface = _BY_INTERFACE.fullmatch(found)
    if by_interface:
        wanted = STREAM_HANDLER if len(given) == 3 else REQUEST_HANDLER
        return (
            by_interface[1].split(" , ") == given
            and wanted in line.foreign
            and "static" not in method.modifiers
        )
    by_method = _BY_METHOD.fullmatch(found)
    if not by_method:
        return False
    _, context, called, arguments = by_method.groups()
    passed = arguments.split(" , ") if arguments else []
    is_whole = given[-1:] == [context] and passed in (given, given[:-1])
    return is_whole and called != method.name and by_method[1] not in given


def protecting(line: Hierarchy, name: str) -> Method | None:
    """The method of a name in the nearest class that has one, if it is the only one there is."""
    found = [method for one in line.all_types for method in one.methods(name)]
    return found[0] if len({one.owner.binary for one in found}) == len(found) >= 1 else None


def mentions_agent(line: Hierarchy) -> bool:
    """Whether a file of the hierarchy has to do with the agent already."""
    return any(b"com.twistlock" in one.unit.source.data for one in line.all_types)


def _hides(line: Hierarchy) -> bool:
    """Whether the agent's name means something else in one of the hierarchy's files."""
    wanted = {name for one in line.all_types for name in (SIMPLE, "com") if declares(one.unit, name)}
    return bool(wanted)


def declares(unit: Unit, name: str) -> bool:
    """Whether a file declares a type, a type variable or a variable of a name."""
    source = unit.source
    if name.encode() not in source.data:
        return False
    for node in walk(source.root):
        if node.type in ("identifier", "type_identifier"):
            parent = node.parent
            if text(source, node) == name and parent is not None and _is_declared_by(parent, node):
                return True
    return False


def _is_declared_by(parent: Node, node: Node) -> bool:
    """Whether an identifier is the name that its parent gives to something, and not a use of one."""
    if parent.type in ("type_parameter", "inferred_parameters", "type_pattern", "lambda_expression"):
        return parent.type != "lambda_expression" or parent.child_by_field_name("parameters") == node
    uses = ("method_invocation", "scoped_identifier", "annotation", "marker_annotation", "method_declaration")
    return parent.type not in uses and parent.child_by_field_name("name") == node


def _words(unit: Unit, found: list[str]) -> str:
    """Tokens, one blank between them, the agent's class as AGENT."""
    agent = " . ".join(agent_in(unit).split("."))
    return re.sub(rf"(?<!\. )(?<![\w$]){re.escape(agent)}(?![\w$])", "AGENT", " ".join(found))
