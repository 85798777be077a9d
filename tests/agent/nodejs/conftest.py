"""The oldest and the newest Node.js of the tests, under Lambda's own runtime interface client."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).parents[1] / "functions" / "nodejs"
VERSIONS = (14, 24)


def ways_of(major: int) -> list[str]:
    """The ways that the attacking function has on a Node.js."""
    (binary,) = (Path(__file__).parents[3] / "build" / "node").glob(f"{major}.*/bin/node")
    code = "require('./app.js').handler({ way: 'list' }).then((found) => console.log(found.join(' ')))"
    return subprocess.run(
        [str(binary), "-e", code], cwd=SOURCE, capture_output=True, text=True, check=True
    ).stdout.split()


@pytest.fixture(scope="module", params=VERSIONS, ids=lambda major: f"node{major}")
def node(request: pytest.FixtureRequest, functions: Any) -> Any:
    """Environments under one Node.js."""
    return functions.on_node(request.param)
