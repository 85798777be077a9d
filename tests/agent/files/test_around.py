"""Ways past the hooks: the kernel lock stops what can be told by a call's number, without an audit.

What is left are machine code, jumps to computed addresses, a second C library and static programs: docs/security.md
says what an attacker must have to use them.
"""

from __future__ import annotations

from typing import Any

import pytest

AROUND = [
    "around_raw_system_call",
    "around_computed_address",
    "around_second_c_library",
    "around_static_program",
]
# libc's own look into a folder for what a word matches, which gives names alone; what the linker loads because an
# allowed library needs it; and what libc opens for an allowed program, exchanged behind the look.
WITHIN = ["c_wordexp", "library_needed", "c_addopen_swapped"]
# What these lead to can't be told by a path, so the calls themselves are refused: by the hooks, and if they are gone
# around by the lock. The last ones need rights that functions don't have, but this test has.
REFUSED_CALLS = {
    "handle_by_name": "open_by_handle_at",
    "handle_by_number": "open_by_handle_at",
    "io_uring_openat": "io_uring_setup",
    "open_tree": "open_tree",
    "root_own": "chroot",
    "root_own_write": "chroot",
    "root_without_proc": "mount",
    "root_bound_elsewhere": "mount",
}
EPERM = 1


def test_table_is_whole(same_ways: Any) -> None:
    same_ways([("", " ".join([*AROUND, *REFUSED_CALLS]), "")], "around past_paths")


@pytest.mark.parametrize("name", [*AROUND, *WITHIN])
def test_way_around_hooks_and_lock(
    name: str, unprotected: Any, protected: dict[str, Any], unlocked: Any
) -> None:
    assert unprotected.run(name).happened
    for attacks in (protected["prevent"], unlocked):
        attempt = attacks.run(name)
        assert (attempt.happened, attempt.audits) == (True, [])


@pytest.mark.parametrize("name", REFUSED_CALLS)
def test_call_is_refused(name: str, unprotected: Any, protected: dict[str, Any], unlocked: Any) -> None:
    control = unprotected.run(name)
    assert (control.kind, control.happened) == ("response", True), control

    refused = (
        {"value": EPERM << 8} if name.endswith("write") else {"raised": "PermissionError", "errno": EPERM}
    )
    for attacks in (protected["prevent"], unlocked):
        attempt = attacks.run(name)
        assert (attempt.kind, attempt.answer, attempt.happened) == ("response", refused, False), attempt
        assert _told(attempt) == {(REFUSED_CALLS[name], "prevent")}

    attempt = protected["alert"].run(name)
    assert (attempt.kind, attempt.answer, attempt.happened) == ("response", control.answer, True), attempt
    assert (REFUSED_CALLS[name], "alert") in _told(attempt)

    attempt = protected["block"].run(name)
    assert (attempt.kind, attempt.happened) == ("exit", False), attempt
    assert _told(attempt) == {(REFUSED_CALLS[name], "block")}


def _told(attempt: Any) -> set[tuple[str, str]]:
    """The calls that the audits name; what goes on after one of them may give audits about files, too."""
    return {(audit["call"], audit["effect"]) for audit in attempt.audits if "call" in audit}
