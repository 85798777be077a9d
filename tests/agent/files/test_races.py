"""What a path means is swapped by one thread while another one uses it: the secret is never read or changed."""

from __future__ import annotations

from typing import Any

import pytest

SWAPPED = ["link", "linked_folder", "folder", "working_folder", "memory", "descriptor"]
CALLS = ["mkdir", "symlink", "link_out", "truncate", "chmod", "rename_into"]
READS = [*(f"race_{swapped}_read" for swapped in SWAPPED), "race_linked_folder_connect_to_somebody"]
CHANGES = [
    *(f"race_{swapped}_write" for swapped in SWAPPED[1:]),
    *(f"race_linked_folder_{call}" for call in CALLS),
]
# Without an agent there is nothing that holds a file.
HELD = [f"race_held_{put}_{call}" for put in ("dup2", "close", "sweep") for call in ("read", "mkdir")]


def test_table_is_whole(same_ways: Any) -> None:
    same_ways([("", " ".join(READS + CHANGES + HELD), "")], "racing")


@pytest.mark.parametrize("name", READS)
def test_the_secret_is_never_read(name: str, unprotected: Any, protected: dict[str, Any]) -> None:
    control = unprotected.run(name).answer["value"]
    assert control["secret"], control
    assert control["plain"], control

    attempt = protected["prevent"].run(name)
    answers = attempt.answer["value"]
    assert answers["secret"] == 0, answers
    assert not attempt.happened
    # The race took place: both meanings were met.
    assert answers["plain"], answers
    assert answers["refused"], answers
    assert attempt.audits


@pytest.mark.parametrize("name", CHANGES)
def test_nothing_denied_is_changed(name: str, unprotected: Any, protected: dict[str, Any]) -> None:
    control = unprotected.run(name)
    assert control.happened or control.answer["value"]["secret"], control

    attempt = protected["prevent"].run(name)
    answers = attempt.answer["value"]
    assert (attempt.happened, answers["secret"]) == (False, 0), answers
    assert answers["plain"], answers
    assert answers["refused"], answers
    assert attempt.audits


@pytest.mark.parametrize("name", HELD)
def test_what_was_judged_is_held_until_it_is_used(name: str, protected: dict[str, Any]) -> None:
    attempt = protected["prevent"].run(name)
    answers = attempt.answer["value"]
    assert (attempt.happened, answers["secret"]) == (False, 0), answers
    assert answers["plain"], answers
