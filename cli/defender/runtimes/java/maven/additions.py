"""What is to be added to a project's XML files, and the edits that do it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from defender.edits.xml import Document, Element
from defender.edits.xml_insert import New, append, proof
from defender.plan import Edit


@dataclass(frozen=True, slots=True, eq=False)
class Addition:
    """A new last element below `parent`, the rule that asks for it, and why."""

    document: Document
    parent: Element
    new: New
    rule: str
    why: str


def as_edits(additions: Iterable[Addition]) -> tuple[Edit, ...]:
    """One edit for each addition; those of one file are proved together."""
    all_of_them = list(additions)
    edits = []
    for document in {id(one.document): one.document for one in all_of_them}.values():
        own = [one for one in all_of_them if one.document is document]
        added: dict[int, list[New]] = {}
        for one in own:
            added.setdefault(id(one.parent), []).append(one.new)
        prove = proof(document, added)
        for one in own:
            splices = append(document, one.parent, one.new)
            edits.append(Edit(document.path, one.rule, one.why, splices, prove))
    return tuple(edits)
