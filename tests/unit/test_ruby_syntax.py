"""The Ruby shim and what is inserted hold to the syntax of Ruby 2.7, the oldest that they run on.

No Ruby 2.7 is at hand for tests: the tree is searched for what came later. Other tests run all of it
on the machine's own Ruby.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from defender.edits.source import walk
from defender.resources import template
from defender.runtimes.ruby.source import parse

SHIM = Path(__file__).parents[2] / "agent" / "ruby" / "twistlock"


def newer(code: bytes) -> list[str]:
    """Syntax that Ruby 2.7 does not have."""
    source = parse("some.rb", code)
    found = []
    for node in walk(source.root):
        kinds = [child.type for child in node.children]
        if node.type in ("method", "singleton_method") and "=" in kinds:
            found.append("endless def (3.0)")
        elif node.type in ("test_pattern", "match_pattern", "case_match", "in_clause"):
            found.append("pattern matching (3.0)")
        elif node.type == "pair" and node.child_by_field_name("value") is None:
            found.append("value left out (3.1)")
        elif node.type in ("splat_argument", "hash_splat_argument", "block_argument") and len(kinds) == 1:
            found.append("anonymous argument (3.1)")
        elif node.type == "identifier" and source.bytes_of(node) == b"it":
            found.append("it (3.4)")
    return found


@pytest.mark.parametrize("path", sorted(SHIM.glob("*.rb")), ids=lambda path: path.name)
def test_shim(path: Path) -> None:
    assert newer(path.read_bytes()) == []


@pytest.mark.parametrize("form", ["exact", "signed", "beside"])
@pytest.mark.parametrize("opening", ["", "class << self"])
def test_inserted_lines(form: str, opening: str) -> None:
    values = {"method": "handler", "original": "original", "opening": opening, "prefix": "private "}
    forms = {one: "yes" if one == form else "" for one in ("exact", "signed", "beside")}
    assert newer(template("ruby", "wrap.rb.j2", **values, **forms).encode()) == []


@pytest.mark.parametrize(
    "code", ["def a = 1", "a(b:)", "def a(&) b(&) end", "def a(*) b(*) end", "a => {b:}", "a.map { it }"]
)
def test_newer_syntax_is_seen(code: str) -> None:
    assert newer(code.encode()) != []
