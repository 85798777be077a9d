"""How a Ruby handler is wrapped, and the check that a file's handler is wrapped: one module for both.

Behind every definition of the method stands an `alias` of it, and a definition of the same name that calls
`Twistlock.handler` with the alias. So it holds wherever the definition stands, and for whichever is the last. Below a
signature of Sorbet's, which defines the method anew at its first call, a module with such a definition is prepended.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from itertools import chain, count, islice
from typing import TYPE_CHECKING

from defender.edits.source import Source, captures, query, walk
from defender.edits.splice import Splice
from defender.errors import DetectionError, RewriteRefused
from defender.plan import Edit, Plan, Skipped
from defender.resources import template
from defender.runtimes.ruby.bindings import Binding, bindings, called, is_named_module_function
from defender.runtimes.ruby.guarding import is_guarded
from defender.runtimes.ruby.handlers import Target
from defender.runtimes.ruby.rebinding import refuse_rebinding, refuse_unknown_value
from defender.runtimes.ruby.scopes import placed
from defender.runtimes.ruby.source import GRAMMAR, parse, scm, statements

if TYPE_CHECKING:
    from tree_sitter import Node

_ORIGINAL = "twistlock_original_"


def is_wrapped(path: str, data: bytes, target: Target) -> bool:
    """Whether every definition of the method runs inside the agent; RewriteRefused where that can't be judged."""
    source = parse(path, data)
    found = bindings(source, target)
    refuse_rebinding(source, target, found)
    return bool(found) and all(_is_protected(source, target, one) for one in found)


def wrap(path: str, data: bytes, targets: Iterable[Target]) -> Plan:
    """The edits that put the agent around each of a file's handlers.

    Raises DetectionError when a handler is not in the file, RewriteRefused for a form that is not supported.
    """
    source = parse(path, data)
    plan = Plan()
    for target in dict.fromkeys(targets):
        found = bindings(source, target)
        refuse_rebinding(source, target, found)
        if not found:
            raise missing(source, target)
        plan = plan.plus(_wrap_one(source, target, found))
    return plan


def missing(source: Source, target: Target) -> DetectionError:
    """The error for a method that no file of the package is seen to define so that Lambda could call it.

    Raises RewriteRefused where the file does define it, in a form that is not supported.
    """
    refuse_rebinding(source, target, [])
    refuse_unknown_value(source, target)
    how = "def self." if target.constant else "def "
    super_ = " (with `super` in it, if it is inherited)" if target.constant else ""
    return DetectionError(
        f"no method {target.label!r} that Lambda could call is defined in the file, or in those that it loads",
        path=source.path,
        hint=f"define it by `{how}{target.method}(event:, context:)`{super_}, or name another handler with --handler",
    )


def _wrap_one(source: Source, target: Target, found: list[Binding]) -> Plan:
    wanted = [one for one in found if not _is_protected(source, target, one)]
    if not wanted:
        return Plan(skipped=(Skipped(source.path, "ruby.wrap", f"{target.label} is wrapped already"),))
    splices: list[Splice] = []
    for one in wanted:
        original = _free_name(source, target, len(splices))
        splices.append(_behind(source, one.statement, _text(source, target, one, original)))
        splices += _named_beside(source, target, one, original)
    why = f"Lambda's calls of {target.label} go through the agent"
    prove = partial(_prove_wrapped, source.path, target)
    return Plan(edits=(Edit(source.path, "ruby.wrap", why, tuple(splices), prove),))


def _text(source: Source, target: Target, one: Binding, original: str) -> str:
    return template(
        "ruby",
        "wrap.rb.j2",
        method=target.method,
        original=original,
        opening=one.opening,
        prefix=one.prefix,
        beside="yes" if one.beside else "",
        signed="yes" if one.signature is not None else "",
        exact="yes" if _takes_both_keywords(source, one.node) and not _has_own_method(source) else "",
    )


def _takes_both_keywords(source: Source, node: Node) -> bool:
    """Whether the definition's parameters are `event:, context:` and nothing else."""
    given = node.child_by_field_name("parameters")
    if node.type not in ("method", "singleton_method"):
        kinds_of = ("block_parameters", "lambda_parameters")
        given = next((one for one in walk(node) if one.type in kinds_of), None)
    kinds = [source.bytes_of(one) for one in (statements(given) if given is not None else [])]
    is_alias = node.type == "alias" or called(source, node) == "alias_method"
    return not is_alias and sorted(kinds) == [b"context:", b"event:"] and not _takes_block(source, node)


def _takes_block(source: Source, node: Node) -> bool:
    """Whether the body may run a block that no parameter names."""
    return any(
        one.type == "yield"
        or (one.type == "identifier" and source.bytes_of(one) in (b"block_given?", b"binding"))
        or (one.type == "super" and node.type != "call")
        for one in walk(node)
    )


def _has_own_method(source: Source) -> bool:
    """Whether `method(:name)` may be something else here than Ruby's own: a superclass may have its own as well."""
    found = captures(query(GRAMMAR, scm("rebinding")), source.root)
    names = found.get("def", [])
    if found.get("superclass") or any(source.bytes_of(name) == b"method" for name in names):
        return True
    return any(
        (called(source, call) or "").startswith(("attr", "def", "delegate"))
        and b":method" in source.bytes_of(call)
        for call in found.get("call", [])
    )


def _free_name(source: Source, target: Target, taken: int) -> str:
    """A name for the original that occurs nowhere in the file."""
    stem = _ORIGINAL + target.method.rstrip("?!")
    mark = target.method[len(target.method.rstrip("?!")) :]
    names = chain([f"{stem}{mark}"], (f"{stem}_{number}{mark}" for number in count(2)))
    free = (name for name in names if not re.search(rb"\b%s(?!\w)" % re.escape(name.encode()), source.data))
    return next(islice(free, taken, None))


def _named_beside(source: Source, target: Target, one: Binding, original: str) -> list[Splice]:
    """`module_function :original` behind every `module_function :name` of the same module."""
    if one.opening or one.beside:
        return []
    scope = next((other for other in placed(source) if other.node == one.statement), None)
    return [
        _behind(source, other.node, f"module_function :{original}")
        for other in placed(source)
        if scope is not None
        and other.scope == scope.scope
        and other.node.start_byte > one.statement.start_byte
        and is_named_module_function(source, other.node, target.method)
    ]


def _behind(source: Source, statement: Node, text: str) -> Splice:
    """The text behind a statement: on lines of its own where nothing else follows on the statement's last line."""
    end = _last_token(statement).end_byte
    newline = source.data.find(b"\n", end)
    line_end = len(source.data) if newline < 0 else newline
    rest = source.data[end:line_end].strip()
    if rest and not rest.startswith(b"#"):
        return Splice.insert(end, ("; " + "; ".join(line.strip() for line in text.splitlines())).encode())
    at = _behind_heredocs(source, line_end)
    start = source.line_start(statement.start_byte)
    lead = re.match(rb"[ \t]*", source.data[start : statement.start_byte])
    indent = b"" if lead is None else lead[0]
    unit = b"\t" if indent.startswith(b"\t") else b"  "
    lines = [_indented(line, indent, unit) for line in text.splitlines()]
    if at >= len(source.data) and not source.data.endswith(b"\n"):
        return Splice.insert(len(source.data), b"".join(source.newline + line for line in lines))
    return Splice.insert(min(at + 1, len(source.data)), b"".join(line + source.newline for line in lines))


def _indented(line: str, indent: bytes, unit: bytes) -> bytes:
    rest = line.lstrip(" ")
    return indent + unit * ((len(line) - len(rest)) // 2) + rest.encode()


def _last_token(node: Node) -> Node:
    while node.children:
        node = [child for child in node.children if child.type != "heredoc_body"][-1]
    return node


def _behind_heredocs(source: Source, line_end: int) -> int:
    """The end of the line, or of the last heredoc that begins on it."""
    bodies = [node for node in walk(source.root) if node.type == "heredoc_body"]
    for body in sorted(bodies, key=lambda node: node.start_byte):
        if line_end - 1 <= body.start_byte <= line_end:
            newline = source.data.find(b"\n", body.end_byte)
            line_end = len(source.data) if newline < 0 else newline
    return line_end


def _is_protected(source: Source, target: Target, one: Binding) -> bool:
    """Whether the definition calls the agent and nothing else, or what is inserted stands right behind it."""
    if is_guarded(source, one.node):
        return True
    words: list[str] = []
    following = one.statement.next_named_sibling
    while following is not None and len(words) < 3:
        if following.type not in ("comment", "heredoc_body", "empty_statement"):
            words.append(source.bytes_of(following).decode("utf-8", "replace"))
        following = following.next_named_sibling
    pattern = re.escape(_words(_text(source, target, one, "ORIGINAL")))
    stem, mark = re.fullmatch(r"(.*?)([?!]?)", target.method).groups()  # type: ignore[union-attr]
    name = rf"{_ORIGINAL}{re.escape(stem)}(?:_\d+)?{re.escape(mark)}"
    return re.match(pattern.replace("ORIGINAL", name), _words("\n".join(words)) + " ") is not None


def _words(text: str) -> str:
    return " ".join(re.split(r"[\s;]+", text.strip()))


def _prove_wrapped(path: str, target: Target, after: bytes) -> None:
    if not is_wrapped(path, after, target):
        raise RewriteRefused(f"the result would not show {target.label!r} as wrapped", path=path)
