"""Splices: what is put in comes out again, byte for byte, and what can't be told apart is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defender.edits.splice import Splice, apply_splices, in_order, put_back, spans_after, take_out
from defender.errors import RewriteRefused

BYTES = st.binary(max_size=60)


@st.composite
def edited(draw: st.DrawFn) -> tuple[bytes, list[Splice]]:
    """Some bytes and insertions into them, several at one place among them, in no order."""
    original = draw(BYTES)
    places = st.integers(0, len(original))
    insertions = st.builds(Splice.insert, places, st.binary(min_size=1, max_size=9))
    return original, draw(st.lists(insertions, max_size=6))


@st.composite
def replaced(draw: st.DrawFn) -> tuple[bytes, list[Splice]]:
    """Some bytes and replacements of parts that do not overlap."""
    original = draw(st.binary(min_size=2, max_size=60))
    cuts = sorted(draw(st.lists(st.integers(0, len(original)), max_size=8)))
    pairs = zip(cuts[::2], cuts[1::2], strict=False)
    return original, [Splice(start, end, draw(BYTES)) for start, end in pairs]


@given(edited())
def test_spans_lead_back_to_the_original(case: tuple[bytes, list[Splice]]) -> None:
    original, splices = case
    after = apply_splices(original, splices, "f")
    assert len(after) == len(original) + sum(len(one.data) for one in splices)
    spans = spans_after(splices)
    assert [after[start:end] for start, end in spans] == [one.data for one in in_order(splices)]
    assert put_back(after, [(start, after[start:end], b"") for start, end in spans]) == original


@given(replaced())
def test_replacements_stand_where_their_spans_say(case: tuple[bytes, list[Splice]]) -> None:
    original, splices = case
    after = apply_splices(original, splices, "f")
    expected, position = b"", 0
    for one in in_order(splices):
        expected += original[position : one.start] + one.data
        position = one.end
    assert after == expected + original[position:]
    spans = list(zip(spans_after(splices), in_order(splices), strict=True))
    for (start, end), one in spans:
        assert after[start:end] == one.data
    replaced = [(start, one.data, original[one.start : one.end]) for (start, _), one in spans]
    assert put_back(after, replaced) == original


def test_what_was_replaced_comes_back_only_where_it_stands() -> None:
    edited_since = b"# mine\nHandler: a.A::protectedHandler\n"
    now, was = b"a.A::protectedHandler", b"a.A::handleRequest"
    assert put_back(edited_since, [(0, now, was)]) is None
    assert take_out(edited_since, [now], "t.yaml", {now: was}) == b"# mine\nHandler: a.A::handleRequest\n"
    with pytest.raises(RewriteRefused):
        take_out(edited_since + edited_since, [now], "t.yaml", {now: was})


@given(edited())
def test_insertions_at_one_place_keep_their_order(case: tuple[bytes, list[Splice]]) -> None:
    original, splices = case
    for place in {one.start for one in splices}:
        given_order = [one for one in splices if one.start == place]
        assert [one for one in in_order(splices) if one.start == place] == given_order
    assert apply_splices(original, splices, "f") == apply_splices(original, in_order(splices), "f")


@pytest.mark.parametrize(
    "splices",
    [
        [Splice(0, 3, b"x"), Splice(2, 4, b"y")],
        [Splice(0, 4, b"x"), Splice.insert(2, b"y")],
        [Splice.insert(7, b"x")],
        [Splice(5, 4, b"x")],
        [Splice(-1, 2, b"x")],
    ],
)
def test_overlaps_and_places_outside_are_refused(splices: list[Splice]) -> None:
    with pytest.raises(RewriteRefused) as caught:
        apply_splices(b"123456", splices, "app.py")
    assert caught.value.path == "app.py"


LINES = st.lists(st.sampled_from([b"import os\n", b"x = 1\n", b"# note\n", b"\n", b"pass\n"]), max_size=8)
OURS = [b"import twistlock.serverless\n", b"@twistlock.serverless.handler\n"]


@given(before=LINES, between=LINES, behind=LINES, edits=LINES)
def test_insertions_come_out_of_a_file_that_was_edited_since(
    before: list[bytes], between: list[bytes], behind: list[bytes], edits: list[bytes]
) -> None:
    original = b"".join(before + between + behind + edits)
    edited_since = b"".join([*before, OURS[0], *between, OURS[1], *behind, *edits])
    assert take_out(edited_since, OURS, "app.py") == original


@given(lines=LINES, copies=st.integers(0, 4), wanted=st.integers(1, 3))
def test_another_number_of_insertions_is_refused(lines: list[bytes], copies: int, wanted: int) -> None:
    data = b"".join([*lines, *[OURS[0]] * copies])
    if copies == wanted:
        assert take_out(data, [OURS[0]] * wanted, "app.py") == b"".join(lines)
        return
    with pytest.raises(RewriteRefused, match=f"stands in it {copies} times instead of {wanted}") as caught:
        take_out(data, [OURS[0]] * wanted, "app.py")
    assert caught.value.path == "app.py"
    assert caught.value.hint


def test_whole_lines_count_at_the_start_of_a_line_only() -> None:
    data = b"note = 1  # import twistlock.serverless\nimport twistlock.serverless\nimport os\n"
    assert take_out(data, [OURS[0]], "f") == data[:40] + b"import os\n"


def test_a_part_of_a_line_is_found_anywhere() -> None:
    data = b'"""Doc."""; import twistlock.serverless; import os\n'
    assert take_out(data, [b"import twistlock.serverless; "], "f") == b'"""Doc."""; import os\n'


def test_last_line_of_a_file_without_line_end() -> None:
    wanted = b"\nhandler = twistlock.serverless.handler(handler)"
    assert take_out(b"handler = respond" + wanted + b"\n", [wanted], "f") == b"handler = respond\n"


def test_insertions_that_overlap_are_refused() -> None:
    with pytest.raises(RewriteRefused, match="told apart"):
        take_out(b"abab!", [b"aba", b"bab"], "f")


def test_line_ends_that_an_editor_changed_are_refused() -> None:
    with pytest.raises(RewriteRefused, match="0 times instead of 1"):
        take_out(b"import twistlock.serverless\r\nimport os\r\n", [OURS[0]], "f")
