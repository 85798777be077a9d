"""What is no use of a denied file, and what fails by itself, stays as it is, and gives no audit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FUNCTION = Path(__file__).parents[1] / "functions" / "files"


def _ways() -> list[str]:
    code = "import app; print(*(name for name, way in app.WAYS.items() if way.__module__ == 'looking'))"
    command = [sys.executable, "-B", "-c", code]
    return subprocess.run(command, cwd=FUNCTION, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize("name", _ways())
@pytest.mark.parametrize("effect", ["prevent", "alert", "block"])
def test_stays_as_it_is(name: str, effect: str, unprotected: Any, protected: dict[str, Any]) -> None:
    control = unprotected.run(name)
    assert (control.kind, "raised" in control.answer) == ("response", False), control
    attempt = protected[effect].run(name)
    assert (attempt.kind, attempt.answer, attempt.happened) == (
        "response",
        control.answer,
        control.happened,
    ), attempt
    assert attempt.audits == []
