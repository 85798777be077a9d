"""With a list of allowed folders: what every function needs goes on, and all else is kept from it."""

from __future__ import annotations

from typing import Any

import pytest

NEEDS = [
    *("standard_library", "own_code", "resolver", "hosts", "names", "users", "own_status", "own_maps"),
    *("own_status_by_number", "own_threads", "memory", "processors", "control_group", "random", "nothing"),
    *(
        "nothing_to_write",
        "nothing_for_programs",
        "certificates",
        "certificate_folder",
        "time_zone",
        "locale",
    ),
    *("library", "extension", "program", "allowed_read", "allowed_write", "allowed_list", "allowed_tempfile"),
    "allowed_mkdir",
]
# And what their audits name.
KEPT = {
    "read_beside": "secret",
    "write_beside": "new",
    "write_above": "/area/new",
    "list_beside": ".",
    "list_root": "/",
    "tempfile": "/tmp/tmp*",
    "shared_memory": "/dev/shm/tw-kept",
    "own_code": "*/new.py",
    "passwords": "/etc/shadow",
    "own_environment": "/proc/self/environ",
    "thread_environment": "/proc/*environ",
    "task_environment": "/proc/*environ",
    "numbered_environment": "/proc/self/environ",
    "parent_environment": "/proc/*/environ",
    "own_memory": "/proc/self/mem",
    "own_memory_to_read": "/proc/self/mem",
    "own_name": "/proc/self/comm",
    "resolver": "/etc/resolv.conf",
    "stream": "/etc/resolv.conf",
    "stream_again": "/etc/resolv.conf",
    "machine_id": "/etc/machine-id",
    "through_readable": "secret",
    "through_own_folder": "secret",
}


@pytest.fixture(scope="module")
def allowing(start: Any, place: Any, file_policy_of: Any) -> Any:
    """By effect, under a policy that allows the place's open part."""
    return {
        effect: start(file_policy_of(effect, allow=(str(place.open),))) for effect in ("prevent", "alert")
    }


def test_table_is_whole(same_ways: Any) -> None:
    names = [*(f"needs_{name}" for name in NEEDS), *(f"kept_{name}" for name in KEPT)]
    same_ways([("", " ".join(names), "")], "listed")


@pytest.mark.parametrize("name", NEEDS)
def test_what_functions_need_is_allowed(name: str, unprotected: Any, allowing: Any) -> None:
    control = unprotected.run(f"needs_{name}")
    assert "raised" not in control.answer, control
    attempt = allowing["prevent"].run(f"needs_{name}")
    assert (attempt.kind, attempt.answer, attempt.audits) == ("response", control.answer, [])


@pytest.mark.parametrize("name", KEPT)
def test_all_else_is_kept(name: str, unprotected: Any, allowing: Any, place: Any, fitting: Any) -> None:
    control = unprotected.run(f"kept_{name}")
    assert (control.kind, "raised" in control.answer) == ("response", False), control

    attempt = allowing["prevent"].run(f"kept_{name}")
    assert (attempt.kind, attempt.answer) == ("response", {"raised": "PermissionError", "errno": 13})
    assert not attempt.happened
    assert fitting(attempt.paths(place), (KEPT[name],), False), attempt.audits

    attempt = allowing["alert"].run(f"kept_{name}")
    assert attempt.answer == control.answer
    assert fitting(attempt.paths(place), (KEPT[name],), True), attempt.audits
