"""SnapStart: the agent starts before the snapshot, and enforces after the restore; hooks run as without it."""

from __future__ import annotations

from typing import Any


def test_hooks_run_and_the_policy_holds(functions: Any, policy: Any, read_audits: Any) -> None:
    root = functions.protected("restored")
    mode = {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}
    with functions.start(functions.original("restored"), **mode) as environment:
        expected = environment.invoke(1)
    assert expected.document == {"seen": ["before", "after"], "status": None}
    with functions.start(root, policy("prevent"), **mode) as environment:
        assert environment.invoke(1) == expected
        assert environment.invoke("attack").document["status"] == 127 << 8
        (audit,) = read_audits(environment.errors())
        assert audit["requestID"] == environment.request_id
