"""What embedding does to files, byte for byte. Loads nothing: that is test_proof's part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from defender.edits.splice import put_back, spans_after
from defender.errors import DefenderError
from defender.manifest import changed_file

# Edits that load the agent, and those that a second run finds nothing to say about.
LOADING = ("python.import", "nodejs.require", "nodejs.import", "ruby.require")
SILENT = ("nodejs.package-files",)


def test_edited_files_are_the_golden_ones(case: Any) -> None:
    assert case.written == case.expected


def test_plan_is_the_expected_one(case: Any) -> None:
    plan, _ = case.embedded
    edits = [f"{one.path} {one.rule}" for one in (*plan.edits, *plan.dropped)]
    assert edits == case.facts["rules"]
    assert [f"{one.path} {one.rule}" for one in plan.skipped] == case.facts.get("skipped", [])


def test_only_insertions(case: Any) -> None:
    for change in case.embedded[1]:
        assert all(splice.start == splice.end and splice.data for splice in change.splices)
        starts = [start for start, _ in spans_after(change.splices)]
        inserted = [(at, splice.data, b"") for at, splice in zip(starts, change.splices, strict=True)]
        assert put_back(change.after, inserted) == change.before
        recorded = changed_file(change, "")
        assert recorded.path == change.path


def test_second_run_changes_nothing(case: Any, tmp_path: Path) -> None:
    protected = case.protect_to(tmp_path / "protected")
    plan, changes = case.plan(protected)
    assert (plan.edits, plan.dropped, plan.added, changes) == ((), (), (), ())
    skipped = {(one.path, one.rule) for one in plan.skipped}
    for edit in case.embedded[0].edits:
        if edit.rule in SILENT:
            continue
        rule = edit.rule if edit.rule in LOADING else f"{case.family}.wrap"
        assert (edit.path, rule) in skipped


def test_a_moved_file_is_as_it_was(case: Any) -> None:
    for drop in case.embedded[0].dropped:
        if drop.rule == "nodejs.facade":
            assert (case.source / drop.path).read_bytes() in case.written.values()


def test_a_source_map_stays_last_and_true(case: Any) -> None:
    for change in case.embedded[1]:
        last = change.before.rstrip().rpartition(b"\n")[2]
        if case.family == "nodejs" and last.rpartition(b";")[2].lstrip().startswith(b"//# sourceMappingURL="):
            assert change.after.rstrip().endswith(last[last.index(b"//") :])
            assert b"\n" not in change.splices[0].data


def test_line_ends_are_kept(case: Any) -> None:
    for change in case.embedded[1]:
        before = change.before.count(b"\n") - change.before.count(b"\r\n")
        if b"\r\n" in change.before and not before:
            assert change.after.count(b"\n") == change.after.count(b"\r\n")
        elif b"\r" not in change.before:
            assert b"\r" not in change.after


def test_refusal_names_the_place(refused: Any) -> None:
    expected = dict(refused.facts["refused"])
    with pytest.raises(DefenderError) as caught:
        refused.plan()
    assert expected.pop("message") in caught.value.message
    assert {name: getattr(caught.value, name) for name in expected} == expected
    assert caught.value.message


def test_every_case_says_what_it_is(any_case: Any) -> None:
    facts = any_case.facts
    assert facts["title"]
    assert facts["handlers"]
    assert ("refused" in facts) != ("events" in facts)
    assert not ("refused" in facts and any_case.expected)
    known = {
        "title",
        "handlers",
        "runtime",
        "python",
        "nodejs",
        "ruby",
        "refused",
        "rules",
        "skipped",
        "events",
        "original",
        "bundler",
        "compiler",
    }
    known |= {"spare", "packager"}
    assert set(facts) <= known
