"""A protected Java function that reaches for denied files: judged by what changed there, and by what it read.

The unprotected run shows that each way works on this machine, or its row could not fail.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from defender.policy import Effect, Filesystem, Identity, Rule, encode

from .rows import FILES, ORDINARY

HANDLER = "attacks.Attacks"
IDENTITY = Identity(function="demo", region="us-east-1", provider="aws", account=None)
# java.io.File answers false, or null, whatever the reason.
SILENT = {name for name in FILES if name.startswith("file_")}


def fill(base: Path) -> None:
    """The folder anew: a secret, a jar, an empty folder."""
    for path in sorted(base.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    (base / "secret").write_text("secret")
    (base / "secret").chmod(0o644)
    (base / "empty").mkdir()
    with zipfile.ZipFile(base / "library.jar", "w") as jar:
        jar.writestr(zipfile.ZipInfo("inside"), "text")


def state(base: Path) -> Any:
    """All that an attack could change below the folder."""
    return sorted(
        (path.name, path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in base.iterdir()
    )


@pytest.fixture(scope="module")
def places(attacking: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """For each effect an environment, and the folder that its policy denies."""
    made = {}
    for effect in ("original", "prevent", "unlocked", "alert"):
        base = tmp_path_factory.mktemp("files") / "denied"
        base.mkdir()
        base.with_name("denied.link").symlink_to(base)
        environment = attacking.start(HANDLER)
        if effect != "original":
            environment.close()
            java = attacking.without_seccomp() if effect == "unlocked" else attacking
            section = Filesystem(Effect("prevent" if effect == "unlocked" else effect), deny=(str(base),))
            environment = java.start_protected(
                HANDLER, encode(IDENTITY, Rule(name="files", filesystem=section))
            )
        made[effect] = (environment, base)
    yield made
    for environment, _ in made.values():
        environment.close()


@pytest.mark.parametrize("way", FILES)
def test_files(way: str, places: dict[str, Any], read_audits: Any) -> None:
    answers, states, audits = {}, {}, {}
    for effect, (environment, base) in places.items():
        fill(base)
        before = state(base)
        answers[effect] = environment.invoke({"table": "files", "way": way, "at": str(base)}).document
        states[effect] = state(base)
        mine = environment.request_id
        audits[effect] = {
            one["effect"] for one in read_audits(environment.errors()) if one["requestID"] == mine
        }
    assert "value" in answers["original"], answers
    assert answers["original"]["value"] is not False
    effects = {"prevent": {"prevent"}, "unlocked": {"prevent"}, "alert": {"alert"}}
    assert audits == {"original": set(), **effects}
    for name in ("prevent", "unlocked"):
        if way in SILENT:
            assert answers[name] == {"value": False}
        else:
            assert answers[name]["raised"].startswith("java."), answers
        assert states[name] == before
    assert answers["alert"] == answers["original"]
    assert len(states["alert"]) == len(states["original"])


def test_own_files_are_readable(attacking: Any, read_audits: Any, tmp_path: Path) -> None:
    """Under a list of what may be used, Java's own files and the package's need not be named."""
    section = Filesystem(Effect.PREVENT, allow=("/tmp",))
    policy = encode(IDENTITY, Rule(name="files", filesystem=section))
    with attacking.start_protected(HANDLER, policy) as environment:
        for way in ORDINARY:
            outcome = environment.invoke({"table": "ordinary", "way": way, "at": ""})
            assert "value" in outcome.document, outcome
        assert read_audits(environment.errors()) == []
        outcome = environment.invoke({"table": "files", "way": "list", "at": "/home"})
        assert "raised" in outcome.document
