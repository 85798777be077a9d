"""The default policy stops programs and nothing else: libraries, forks, threads and servers work, unseen."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest


@pytest.fixture(scope="module")
def environments(functions: Any, policy: Any) -> Any:
    original = functions.start(functions.original("ordinary"))
    protected = functions.start(functions.protected("ordinary"), policy("prevent"))
    yield original, protected
    original.close()
    protected.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "doing" in metafunc.fixturenames:
        metafunc.parametrize("doing", _doings())


def _doings() -> list[str]:
    from pathlib import Path

    folder = Path(__file__).parent / "functions" / "ordinary"
    code = "import app; print(*app.DOINGS)"
    run = subprocess.run(
        [sys.executable, "-B", "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    return run.stdout.split()


def test_works_and_gives_no_audit(doing: str, environments: Any, read_audits: Any) -> None:
    original, protected = environments
    expected = original.invoke({"doing": doing})
    assert expected.kind == "response", expected.body
    assert protected.invoke({"doing": doing}) == expected
    assert read_audits(protected.errors()) == []
