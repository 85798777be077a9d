"""Shared by all tests: the command line, run in this process."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

import pytest

from defender import cli


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
