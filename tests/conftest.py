"""Shared by all tests: the command line, run in this process."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

import pytest

from defender import cli

# These take minutes each: begun last, they would leave the other workers idle. With --no-loadscope-reorder.
LONGEST = (
    "test_proof.py",
    "test_remove.py",
    "test_core.py",
    "test_alert_is_transparent.py",
    "test_stress.py",
    "test_gradle.py",
    "test_maven.py",
    "test_node_files.py",
    "test_forms.py",
)

# What a shell starts in the background ignores it, and so would all that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.fixture
def defender(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    """Runs `defender ARGUMENTS`; gives exit status, stdout and stderr."""
    before = signal.getsignal(signal.SIGTERM)

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["defender", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        signal.signal(signal.SIGTERM, before)
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return run
