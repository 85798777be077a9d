"""Bundles of megabytes, whose syntax tree would take seconds: what their beginning and their end show is enough.

A file that Node.js loads is complete at its end, so a statement there is one of the module's own; the agent
itself replaces the export (`protect`), whatever kind of property it is, and says so where it can't.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import partial

from defender.edits.source import UTF8_BOM
from defender.edits.splice import Splice
from defender.errors import DetectionError, RewriteRefused
from defender.plan import Edit, Plan, Skipped
from defender.resources import template
from defender.runtimes.nodejs.doubt import warning
from defender.runtimes.nodejs.modules import Module
from defender.runtimes.nodejs.source import parse, refuse_unreachable, source_map

_LARGE = 1 << 19
# Hashbang, blanks, comments and directives, as far as they reach.
_HEAD = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:#![^\r\n]*)?"
    rb"(?:\s+|//[^\r\n]*|/\*[\s\S]*?\*/|(?:\"[^\"\\\r\n]*\"|'[^'\\\r\n]*')[ \t]*(?:;|(?=\r?\n)))*"
)
_EXPORTS = re.compile(rb"\b(?:module\.)?exports\b|\bexport\b")
# A line feed to begin with is found much faster than the start of any line.
_RETURN = re.compile(rb"\nreturn\b")
_ES_MODULE = re.compile(rb"\n(?:import|export)\b[ \t{*\"'](?!\()")
# Bundlers write the list of exports last: elsewhere it may be the text of a string.
# Licenses may follow as comments. Atomic groups: a comment is tried in one way, however many there are.
_LIST = re.compile(
    rb"(?:^[ \t]*|[;}]\s*)export\s*\{([^{}]*)\}(?>\s|;|//[^\r\n]*|/\*(?:[^*]|\*(?!/))*+\*/)*+\Z", re.M
)
_OWN_ADDRESS = re.compile(
    rb"import\.meta\.(?:filename|main)\b|[=!]==?\s*import\.meta|import\.meta\.url\s*[=!]==?"
)
_TAIL = 1 << 16


def is_large(data: bytes) -> bool:
    """Whether the file is not parsed."""
    return len(data) > _LARGE


def is_written_as_esm(data: bytes) -> bool:
    """Whether a line begins like a statement that only ES modules have; it may be a string's text."""
    return _ES_MODULE.search(b"\n" + data.removeprefix(UTF8_BOM)) is not None


def wrap(data: bytes, modules: Iterable[Module]) -> Plan:
    """The edits that put the agent around each of a bundle's handlers.

    Raises DetectionError where nothing shows that the file exports the name, RewriteRefused for a form that
    is not supported.
    """
    plan = Plan()
    for module in modules:
        plan = plan.plus(_wrap_one(data, module))
    return plan


def problem(data: bytes, module: Module) -> str | None:
    """What the file lacks for the handler to run inside the agent."""
    agent = _agent(data, module)
    if agent is None:
        return "the agent is not the first thing that is loaded"
    wanted = template(
        "nodejs", "protect.js.j2", agent=agent, call="protect", export=json.dumps(module.export)
    )
    end = source_map(data) or len(data)
    for line in reversed(data[max(0, end - _TAIL) : end].rstrip().split(b"\n")):
        text = line.strip().decode("utf-8", "replace").removeprefix(";")
        if text == wanted:
            return None
        if not text.startswith(f"{agent}.protect(module, "):
            break
    return f"{module.export} is not wrapped"


def exported(data: bytes) -> frozenset[str]:
    """The names in the list that ends an ES module, as bundlers write it; none where the module ends otherwise."""
    end = source_map(data) or len(data)
    match = _LIST.search(data[:end], max(0, end - _TAIL))
    listed = match[1].split(b",") if match else []
    return frozenset(one.split(b" as ")[-1].strip().decode("utf-8", "replace") for one in listed)


def has_own_address(data: bytes) -> bool:
    """Whether an ES module's code depends on its own file name, or may do so."""
    return _OWN_ADDRESS.search(data) is not None


def _wrap_one(data: bytes, module: Module) -> Plan:
    _refuse(data, module)
    agent = _agent(data, module) or _free_name(data)
    skipped, edits = [], []
    prove = partial(_prove, module)
    if _agent(data, module) is None:
        quote = '"' if data.count(b'"', 0, _TAIL) > data.count(b"'", 0, _TAIL) else "'"
        text = template("nodejs", "require.js.j2", agent=agent, path=f"{quote}{module.agent()}{quote}")
        why = "the core has to be active before the file's own statements run"
        edits.append(Edit(module.path, "nodejs.require", why, (_first(data, text),), prove))
    else:
        skipped.append(Skipped(module.path, "nodejs.require", "the agent is required first already"))
    if problem(data, module) is None:
        skipped.append(Skipped(module.path, "nodejs.wrap", f"{module.export} is wrapped already"))
    else:
        text = template(
            "nodejs", "protect.js.j2", agent=agent, call="protect", export=json.dumps(module.export)
        )
        why = f"the file is a bundle: the agent takes the place of {module.export} when it is complete"
        edits.append(Edit(module.path, "nodejs.protect", why, (_last(data, text),), prove))
    return Plan(edits=tuple(edits), skipped=tuple(skipped)).plus(warning(data, module))


def _newline(data: bytes) -> bytes:
    at = data.find(b"\n")
    return b"\r\n" if at > 0 and data[at - 1 : at] == b"\r" else b"\n"


def _start(data: bytes) -> int:
    """Where the first statement behind the directives begins."""
    match = _HEAD.match(data)
    return 0 if match is None else match.end()


def _first(data: bytes, text: str) -> Splice:
    at = _start(data)
    lead = data[data.rfind(b"\n", 0, at) + 1 : at].removeprefix(UTF8_BOM)
    if lead.strip() or source_map(data) is not None:
        return Splice.insert(at, f"{text} ".encode())
    return Splice.insert(at, text.encode() + _newline(data))


def _last(data: bytes, text: str) -> Splice:
    """Behind all else but the name of a source map; the semicolon ends a statement that has none."""
    newline = _newline(data)
    found = source_map(data)
    at = len(data) if found is None else found
    line = f";{text}".encode()
    if found is not None or data.endswith(b"\n"):
        lead = b"" if data[at - 1 : at] == b"\n" else newline
        return Splice.insert(at, lead + line + newline)
    return Splice.insert(at, newline + line)


def _agent(data: bytes, module: Module) -> str | None:
    """The name that the first statement requires the agent under."""
    path = re.escape(module.agent()).encode()
    match = re.compile(rb"var (\w+) = require\((['\"])" + path + rb"\2\);").match(data, _start(data))
    return None if match is None else match[1].decode()


def _free_name(data: bytes) -> str:
    name, count = "twistlock", 1
    while name.encode() in data:
        name, count = f"_twistlock{count}", count + 1
    return name


def _refuse(data: bytes, module: Module) -> None:
    key = module.keys[0].encode()
    if _EXPORTS.search(data) is None or key not in data:
        raise DetectionError(
            f"the module exports no {module.keys[0]!r}",
            path=module.path,
            hint="name the handler with --handler file.export",
        )
    # Such a line may also be the text of a string: only then is it worth the seconds that parsing takes.
    if _RETURN.search(data) or is_written_as_esm(data):
        refuse_unreachable(parse(module.path, data))


def _prove(module: Module, after: bytes) -> None:
    found = problem(after, module)
    if found is not None:
        raise RewriteRefused(f"the result would not be protected: {found}", path=module.path)
