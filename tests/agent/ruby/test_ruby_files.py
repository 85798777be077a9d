"""A protected Ruby function that reaches for denied files: judged by what changed there.

The unprotected run shows that each way works on this machine, or its row could not fail.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from defender.policy import Effect, Filesystem, Identity, Rule, encode

CLIENT = Path(__file__).with_name("client.rb")
SOURCE = Path(__file__).parents[1] / "functions" / "ruby_reach" / "app.rb"
IDENTITY = Identity(function="demo", region="us-east-1", provider="aws", account=None)
WAYS = re.findall(r"^  '(\w+)' =>", SOURCE.read_text("utf-8").split("FILES = {")[1], re.M)


@pytest.fixture(scope="module")
def ruby(functions: Any) -> Any:
    return replace(functions, command=("ruby", str(CLIENT)))


def folder(base: Path) -> Path:
    base.mkdir()
    (base / "secret").write_text("secret")
    (base / "secret").chmod(0o644)
    (base / "code.rb").write_text("1")
    (base / "empty").mkdir()
    base.with_name(f"{base.name}.link").symlink_to(base)
    return base


def state(base: Path) -> Any:
    """All that an attack could change below the folder."""
    return sorted(
        (path.name, path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in base.iterdir()
    )


def policy(effect: str, denied: Path) -> str:
    return encode(IDENTITY, Rule(name="files", filesystem=Filesystem(Effect(effect), deny=(str(denied),))))


@pytest.mark.parametrize("way", WAYS)
def test_files(way: str, ruby: Any, read_audits: Any, tmp_path: Path) -> None:
    answers: dict[str | None, Any] = {}
    states: dict[str | None, Any] = {}
    before = None
    for effect in (None, "prevent", "alert"):
        (tmp_path / str(effect)).mkdir()
        base = folder(tmp_path / str(effect) / "denied")
        before = state(base)
        root = ruby.protected("ruby_reach") if effect else ruby.original("ruby_reach")
        with ruby.start(root, effect and policy(effect, base)) as environment:
            outcome = environment.invoke({"way": way, "at": str(base)})
            found = [one["effect"] for one in read_audits(environment.errors())]
            assert set(found) == ({effect} if effect else set())
        answers[effect], states[effect] = outcome.document, state(base)
    assert "raised" not in answers[None], answers
    assert answers["prevent"]["raised"] in ("Errno::EACCES", "LoadError"), answers
    assert states["prevent"] == before
    if isinstance(answers[None]["value"], str) and "/denied" in answers[None]["value"]:
        answers["alert"]["value"] = answers["alert"]["value"].replace("/alert/", "/None/")
    assert answers["alert"] == answers[None]
    assert len(states["alert"]) == len(states[None])
