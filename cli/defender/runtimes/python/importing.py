"""The agent's import in a Python file: where it has to stand, what it is called, and whether it is there.

It is the first statement behind docstring and `__future__` imports. Knows nothing of handlers.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from defender.edits.source import Source
from defender.edits.splice import Splice
from defender.errors import RewriteRefused
from defender.plan import Edit, Plan, Skipped
from defender.resources import template
from defender.runtimes.python import bindings as names
from defender.runtimes.python.source import parse

if TYPE_CHECKING:
    from tree_sitter import Node

MODULE = "twistlock.serverless"


def imported_first(path: str, data: bytes) -> bool:
    """Whether the agent is the first thing that the file imports, before any statement of its own."""
    return is_imported_first(parse(path, data))


def is_imported_first(source: Source) -> bool:
    """The same of a parsed file."""
    first = _first_statement(source)
    return first is not None and _agent_import(source, first) is not None


def import_first(path: str, data: bytes) -> Plan:
    """The edit that makes the agent the first import of a file: a handler's own, or a package's."""
    source = parse(path, data)
    rule = "python.import"
    if is_imported_first(source):
        return Plan(skipped=(Skipped(path, rule, "the agent is imported first already"),))
    agent = agent_name(source) or free_name(source)
    statement = template("python", "import.py.j2", agent=agent, module=MODULE)
    edit = Edit(
        path,
        rule,
        "the core has to be active before the file's own statements run",
        (_before(source, _first_statement(source), statement),),
        partial(_prove_import, path),
    )
    return Plan(edits=(edit,))


def _first_statement(source: Source) -> Node | None:
    """The first statement behind docstring and `__future__` imports."""
    rest = names.statements(source)
    if rest and _is_string(source, rest[0]):
        rest = rest[1:]
    while rest and rest[0].type == "future_import_statement":
        rest = rest[1:]
    return rest[0] if rest else None


def _is_string(source: Source, statement: Node) -> bool:
    """Whether a statement is a string literal and nothing else, in parentheses or not."""
    value: Node | None = statement if statement.type == "expression_statement" else None
    while value is not None and value.type in ("expression_statement", "parenthesized_expression"):
        inner = [node for node in value.named_children if node.type != "comment"]
        is_tuple = any(node.type == "," for node in value.children)
        value = inner[0] if len(inner) == 1 and not is_tuple else None
    if value is None or value.type not in ("string", "concatenated_string"):
        return False
    strings = value.named_children if value.type == "concatenated_string" else [value]
    return all(
        string.type == "string" and not re.search(rb"[bBfFtT]", source.bytes_of(string.children[0]))
        for string in strings
        if string.type != "comment"
    )


def _agent_import(source: Source, statement: Node) -> str | None:
    """The name by which this statement makes the agent known, if it is one of its imports."""
    if statement.type != "import_statement":
        return None
    imported = statement.children_by_field_name("name")
    if len(imported) != 1:
        return None
    module = imported[0].child_by_field_name("name") or imported[0]
    if source.bytes_of(module) != MODULE.encode():
        return None
    alias = imported[0].child_by_field_name("alias")
    return MODULE if alias is None else source.bytes_of(alias).decode()


def agent_name(source: Source) -> str | None:
    """How the module refers to the agent already, if it does.

    Raises RewriteRefused for an import of it that the manual does not show.
    """
    found = None
    for statement in names.statements(source):
        agent = _agent_import(source, statement)
        if agent is not None:
            found = found or agent
        elif statement.type.startswith("import") and re.search(
            rb"^(?:from|import)\s+twistlock\b", source.bytes_of(statement)
        ):
            line, column = source.position(statement.start_byte)
            raise RewriteRefused(
                "the file imports the agent in a form that the manual does not show",
                path=source.path,
                line=line,
                column=column,
                hint=f"write `import {MODULE}`, or take the agent out and embed again",
            )
    return None if found and _is_taken(source, found.partition(".")[0]) else found


def _is_taken(source: Source, name: str) -> bool:
    """Whether a name, such as `twistlock`, is also one of the user's own in this module."""
    return any(_agent_import(source, bound.statement) is None for bound in names.bindings(source, name))


def free_name(source: Source) -> str:
    """`twistlock.serverless`, or an alias that occurs nowhere in the file."""
    if not _is_taken(source, "twistlock"):
        return MODULE
    alias, count = "_twistlock_serverless", 1
    while alias.encode() in source.data:
        count += 1
        alias = f"_twistlock_serverless_{count}"
    return alias


def line_of(source: Source, text: str) -> bytes:
    """Text as a line of the file."""
    return text.encode() + source.newline


def _before(source: Source, first: Node | None, statement: str) -> Splice:
    """The statement in front of the first one: on a line of its own, or on the same line."""
    if first is None:
        return Splice.insert(len(source.data), appended(source, statement))
    start = first.start_byte
    lead = source.data[source.line_start(start) : start]
    if lead.strip(b" \t\x0c\xef\xbb\xbf"):
        return Splice.insert(start, f"{statement}; ".encode())
    return Splice.insert(start, line_of(source, statement))


def appended(source: Source, statement: str) -> bytes:
    """A last line; a file that ends without a line end goes on to do so."""
    if not source.data.strip(b"\xef\xbb\xbf") or source.data.endswith(b"\n"):
        return line_of(source, statement)
    return source.newline + statement.encode()


def _prove_import(path: str, after: bytes) -> None:
    if not imported_first(path, after):
        raise RewriteRefused("the agent's import would not be the first statement", path=path)
