"""Deep code: what is looked up in the syntax tree grows with its size, not with its square."""

from __future__ import annotations

from defender.runtimes.nodejs import commonjs, scopes, source
from defender.runtimes.nodejs.modules import Format, Module

LOOKUPS = (source.parent_of, source.function_around, source.is_called_at_once, scopes._scope_around)


def looked_up(depth: int) -> list[int]:
    """How often each of the lookups had to go to the tree for functions that deep, each with an export."""
    for one in LOOKUPS:
        one.cache_clear()
    text = (
        "(function () { exports.x = this;" * depth + "})();" * depth + "\nexports.handler = async () => 1;\n"
    )
    module = Module(f"deep{depth}.js", Format.COMMONJS, "handler", "")
    assert [edit.rule for edit in commonjs.wrap(text.encode(), [module]).edits] == [
        "nodejs.require",
        "nodejs.assign",
    ]
    return [one.cache_info().misses for one in LOOKUPS]


def test_twice_as_deep_takes_twice_as_many_lookups() -> None:
    once, twice = looked_up(50), looked_up(100)
    assert all(few > 0 and many <= 2 * few for few, many in zip(once, twice, strict=True)), (once, twice)


def test_all_of_them_go_through_the_caches() -> None:
    """Each looks for a parent from the root: once for a node is enough."""
    misses = dict(zip((one.__name__ for one in LOOKUPS), looked_up(100), strict=True))
    assert misses["is_called_at_once"] <= 101
    assert misses["parent_of"] <= 101 * 12
