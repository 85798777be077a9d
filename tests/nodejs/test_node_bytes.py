"""What embedding does to Node.js files, byte for byte. Loads nothing: that is test_node_proof's part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from defender.edits.splice import spans_after, without_spans
from defender.errors import DefenderError


def test_edited_files_are_the_golden_ones(case: Any) -> None:
    assert case.written == case.expected


def test_plan_is_the_expected_one(case: Any) -> None:
    plan, _ = case.embedded
    found = [f"{one.path} {one.rule}" for one in (*plan.edits, *plan.dropped)]
    assert found == case.facts["rules"]
    assert [f"{one.path} {one.rule}" for one in plan.skipped] == case.facts.get("skipped", [])


def test_only_insertions(case: Any) -> None:
    for change in case.embedded[1]:
        assert all(splice.start == splice.end and splice.data for splice in change.splices)
        assert without_spans(change.after, spans_after(change.splices)) == change.before


def test_a_moved_module_is_as_it_was(case: Any) -> None:
    plan, _ = case.embedded
    for drop in plan.dropped:
        assert (case.source / drop.path).read_bytes() in case.written.values()


def test_second_run_changes_nothing(case: Any, tmp_path: Path) -> None:
    protected = case.protect_to(tmp_path / "protected")
    plan, changes = case.plan(protected)
    assert (plan.edits, plan.dropped, plan.added, changes) == ((), (), (), ())
    assert {"nodejs.wrap"} <= {one.rule for one in plan.skipped}


def test_line_ends_are_kept(case: Any) -> None:
    for change in case.embedded[1]:
        before = change.before.count(b"\n") - change.before.count(b"\r\n")
        if b"\r\n" in change.before and not before:
            assert change.after.count(b"\n") == change.after.count(b"\r\n")
        elif b"\r" not in change.before:
            assert b"\r" not in change.after


def test_a_source_map_stays_last_and_true(case: Any) -> None:
    for change in case.embedded[1]:
        lines = change.before.rstrip().rpartition(b"\n")[2]
        if b"sourceMappingURL=" in lines:
            name = lines[lines.index(b"//") :]
            assert change.after.rstrip().endswith(name)
            first = change.splices[0]
            assert b"\n" not in first.data


def test_refusal_names_the_place(refused: Any) -> None:
    expected = dict(refused.facts["refused"])
    with pytest.raises(DefenderError) as caught:
        refused.plan()
    assert expected.pop("message") in caught.value.message
    assert {name: getattr(caught.value, name) for name in expected} == expected


def test_every_case_says_what_it_is(any_case: Any) -> None:
    facts = any_case.facts
    assert facts["title"]
    assert facts["handlers"]
    assert ("refused" in facts) != ("events" in facts)
    assert not ("refused" in facts and any_case.expected)
    assert set(facts) <= {"title", "handlers", "runtime", "node", "refused", "rules", "skipped", "events"}
