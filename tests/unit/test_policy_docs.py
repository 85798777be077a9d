"""docs/policy.md: its policies are valid, its output is what the commands print, its table of miners is the core's."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from defender import resources
from defender.commands.policy import policy as group
from defender.errors import DefenderError
from defender.policy.file import parse
from defender.policy.judge import read_miners

PAGE = (Path(__file__).parents[2] / "docs" / "policy.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert found
    return found


@pytest.mark.parametrize("text", blocks("toml"))
def test_policies_are_valid(text: str) -> None:
    assert parse(text.encode(), "x").problems == ()


@pytest.mark.parametrize("block", blocks("console"))
def test_output_is_real(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("DEFENDER_")]:
        monkeypatch.delenv(name)
    Path("defender.toml").write_text(blocks("toml")[0], encoding="utf-8")
    command, _, wanted = block.partition("\n")
    arguments = shlex.split(command.removeprefix("$ defender policy "))
    result = CliRunner().invoke(group, arguments)
    printed = result.output
    if isinstance(result.exception, DefenderError):
        printed += f"error: {result.exception}\n  hint: {result.exception.hint}\n"
    assert printed == wanted


def listed(mark: str) -> list[str]:
    shown = re.search(rf"<!-- {mark} -->\n(.*?)\n\n", PAGE, re.DOTALL)
    assert shown is not None
    return re.findall(r"`([^`]+)`", shown[1])


def test_readable_paths_are_the_cores() -> None:
    source = (Path(__file__).parents[2] / "agent" / "core" / "src" / "file_readable.c").read_text("utf-8")
    table = re.search(r"usual\[\] = \{(.*?)\};", source, re.DOTALL)
    assert table is not None
    assert listed("readable") == re.findall(r'"([^"]+)"', table[1])


def test_miners_are_the_table() -> None:
    miners = read_miners(resources.miners())
    assert listed("miners") == [*miners.names, *miners.arguments]
