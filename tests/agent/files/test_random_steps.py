"""Calls in a random order answer the same and leave the same tree, under alert and under policies that allow them.

Where several things are wrong with a call, a policy that is enforced may have another one found first: a path is looked
up before the kernel looks at the flags. Under alert the error is the same, too.
"""

from __future__ import annotations

import errno
from typing import Any

import pytest


@pytest.fixture(scope="module")
def allowing(start: Any, place: Any, file_policy_of: Any) -> dict[str, Any]:
    """Policies that let all of it go on."""
    return {
        "alert": start(file_policy_of("alert", deny=("/",))),
        "deny list": start(file_policy_of("prevent", deny=place.lists)),
        "allow list": start(file_policy_of("prevent", allow=(str(place.open),))),
        "block": start(file_policy_of("block", allow=(str(place.open), "/proc", "/usr"), deny=place.lists)),
    }


@pytest.mark.parametrize("seed", range(40))
def test_same_answers_and_tree(seed: int, unprotected: Any, allowing: dict[str, Any]) -> None:
    control = unprotected.run(f"random_{seed}")
    answers, tree = control.answer["value"]
    assert len({name for name, _ in answers}) > 10
    for name, attacks in allowing.items():
        attempt = attacks.run(f"random_{seed}")
        assert attempt.kind == "response", attempt
        other_answers, other_tree = attempt.answer["value"]
        for step, (expected, found) in enumerate(zip(answers, other_answers, strict=True)):
            same = found == expected or (name != "alert" and _fails(found) and _fails(expected))
            assert same, (found, name, step, answers[max(0, step - 5) : step + 1])
        assert other_tree == tree, name
        assert bool(attempt.audits) == (name == "alert")


def _fails(step: list[Any]) -> bool:
    """By an error of its own, and not since it was denied."""
    return isinstance(step[1], int) and step[1] < 0 and step[1] != -errno.EACCES
