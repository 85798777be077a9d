"""docs/attacks.md says what the rows of the attacks say, and every way of the network's function has a row."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def table() -> ModuleType:
    spec = importlib.util.spec_from_file_location("attack_table", HERE / "attack_table.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_document_is_that_of_the_rows(table: ModuleType) -> None:
    """Else run `python tests/agent/attack_table.py`, and read what changed."""
    assert table.DOCUMENT.read_text("utf-8") == table.document()


def test_every_way_of_the_network_has_a_row(table: ModuleType, functions: Any) -> None:
    code = "import sys; sys.path.append(sys.argv[1]); import app; print(*app.WAYS)"
    command = [sys.executable, "-B", "-c", code, functions.original("attacks")]
    run = subprocess.run(command, cwd=functions.original("network"), capture_output=True, text=True)
    rows: set[str] = set()
    for file in ("network/test_network.py", "network/test_names.py"):
        module = table._load(file)
        for prefix, words, *_ in module.ROWS:
            rows.update(f"{prefix}_{word}" if prefix else word for word in words.split())
        rows.update(module.AROUND, *(getattr(module, more, ()) for more in ("RACES", "RINGS")))
    # Those of test_allow_lists.py are steps, not attempts.
    steps = ("reach_", "resolve_", "implicit", "listen_any_port", "listen_port_zero")
    assert {way for way in run.stdout.split() if not way.startswith(steps)} == rows
