"""The diff that a report shows is the one that comparing the whole texts gives."""

from __future__ import annotations

import difflib

from hypothesis import given
from hypothesis import strategies as st

from defender.edits.diff import unified_diff
from defender.edits.splice import Splice, apply_splices

LINES = [f"line {number}\n" for number in range(40)]


def reference(before: str, after: str) -> str:
    """Of texts whose lines all differ there is but one smallest diff."""
    lines = difflib.unified_diff(before.splitlines(True), after.splitlines(True), "a/f", "b/f")
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


@given(st.sets(st.integers(0, 40)), st.integers(0, 40), st.booleans())
def test_same_as_of_the_whole_texts(places: set[int], count: int, is_cut: bool) -> None:
    before = "".join(LINES[:count]).removesuffix("\n" if is_cut else "\0")
    starts = [len("".join(LINES[:number])) for number in sorted(places) if number <= count]
    splices = [
        Splice.insert(min(at, len(before)), f"new {index}\n".encode()) for index, at in enumerate(starts)
    ]
    after = apply_splices(before.encode(), splices, "f").decode()
    assert unified_diff("f", before.encode(), splices) == reference(before, after)


def test_within_a_line() -> None:
    found = unified_diff("f", b"a(b);\n", [Splice.insert(0, b"w("), Splice.insert(4, b")")])
    assert found == "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a(b);\n+w(a(b));\n"


def test_nothing() -> None:
    assert unified_diff("f", b"text", []) == ""
