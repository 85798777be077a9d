"""What a method looks like that calls the agent and does nothing else, as the manual writes it. Data in, answer out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from defender.edits.source import Source
from defender.runtimes.ruby.bindings import called
from defender.runtimes.ruby.source import statements

if TYPE_CHECKING:
    from tree_sitter import Node


def is_guarded(source: Source, node: Node) -> bool:
    """Whether a method is as the manual writes it: its one statement is a call of `Twistlock.handler`."""
    body = node.child_by_field_name("body") if node.type in ("method", "singleton_method") else None
    inner = [] if body is None else (statements(body) if body.type == "body_statement" else [body])
    if len(inner) != 1:
        return False
    call = inner[0]
    if call.type == "return" and call.named_children:
        values = statements(call.named_children[0])
        call = values[0] if len(values) == 1 else call
    owner = call.child_by_field_name("receiver") if called(source, call) == "handler" else None
    if owner is None or source.bytes_of(owner) not in (b"Twistlock", b"::Twistlock"):
        return False
    given = call.child_by_field_name("arguments")
    passed = [] if given is None else statements(given)
    keys = {source.bytes_of(one).partition(b":")[0] for one in passed if one.type == "pair"}
    has_block = call.child_by_field_name("block") is not None
    has_block = has_block or any(one.type == "block_argument" for one in passed)
    return keys == {b"event", b"context"} and has_block
