"""A deny list that names a file of the process itself means the same file of its threads and children."""

from __future__ import annotations

from typing import Any

import pytest

from defender.policy import Effect

REFUSED = {"raised": "PermissionError", "errno": 13}
# Ways of the function's, and what their audits name.
ENVIRONMENTS = {
    "own": "/proc/self/environ",
    "thread": "/proc/self/task/*/environ",
    "task": "/proc/self/task/*/environ",
    "numbered": "/proc/self/environ",
    "parent": "/proc/*/environ",
}


@pytest.fixture(scope="module")
def denying(start: Any, file_policy_of: Any) -> Any:
    return start(file_policy_of(Effect.PREVENT, deny=("/proc/self/environ",)))


@pytest.mark.parametrize("whose", ENVIRONMENTS)
def test_environment_of_process_or_thread(
    whose: str, unprotected: Any, denying: Any, place: Any, fitting: Any
) -> None:
    way = f"kept_{whose}_environment"
    assert unprotected.run(way).answer == {"value": True}
    attempt = denying.run(way)
    assert (attempt.kind, attempt.answer) == ("response", REFUSED)
    assert fitting(attempt.paths(place), (ENVIRONMENTS[whose],), False), attempt.audits
    assert "raised" not in denying.run("needs_own_status").answer
