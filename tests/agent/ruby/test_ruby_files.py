"""A protected Ruby function that reaches for denied files: judged by what changed there, or what was read.

The unprotected run shows that each way works on this machine, or its row could not fail. All is tried with the kernel
lock and where the platform refuses it; `block`, which no lock plays a part in, with one of them.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

CLIENT = Path(__file__).with_name("client.rb")
SOURCE = Path(__file__).parents[1] / "functions" / "ruby_reach" / "files.rb"
EACCES = "Errno::EACCES"
# Ways that differ in their last word, and what a prevented attempt raises.
FILES: list[Any] = [
    ("file", "read open foreach stat_of_link write append delete rename truncate chmod", EACCES),
    ("file", "symlink link mkfifo", EACCES),
    ("io", "read binread readlines sysopen open copy_stream write", EACCES),
    ("", "kernel_open link_outside chdir read_in_thread tempfile", EACCES),
    ("tempfile", "create", EACCES),
    ("", "load require autoload", "LoadError"),
    ("dir", "children open foreach glob mkdir rmdir", EACCES),
    ("pathname", "read write children unlink", EACCES),
    ("fileutils", "touch copy move remove remove_all make_path link install", EACCES),
    ("", "syscall_open fiddle_open", EACCES),
]
# What the policy's section does not cover: a time is neither content nor a right.
AROUND = ["file_utime"]
WAYS = {
    (f"{prefix}_{word}" if prefix else word): raised
    for prefix, words, raised in FILES
    for word in words.split()
}


@dataclass
class Reaching:
    """An environment with a denied folder of its own; another is started when a way has ended it."""

    start: Any
    base: Path
    read_audits: Any
    environment: Any = None
    said: int = 0

    def run(self, way: str) -> tuple[Any, bool, set[str]]:
        """What one way answered, whether anything changed, and the effects in its audits."""
        if self.environment is None or self.environment.process.poll() is not None:
            self.close()
            self.environment, self.said = self.start(), 0
        before = self.renew()
        outcome = self.environment.invoke({"way": way, "at": str(self.base)})
        if outcome.kind == "exit":
            self.environment.process.wait()
        text = self.environment.errors()
        found = {one["effect"] for one in self.read_audits(text[self.said :])}
        self.said = len(text)
        return outcome, self.state() != before, found

    def renew(self) -> Any:
        """The folder as it is at first."""
        shutil.rmtree(self.base, ignore_errors=True)
        self.base.mkdir()
        (self.base / "secret").write_text("secret")
        (self.base / "secret").chmod(0o644)
        (self.base / "code.rb").write_text("1")
        (self.base / "constant.rb").write_text("Reached = 'reached'")
        (self.base / "empty").mkdir()
        link = self.base.with_name(f"{self.base.name}.link")
        link.unlink(missing_ok=True)
        link.symlink_to(self.base)
        return self.state()

    def state(self) -> Any:
        """All that an attack could change below the folder."""
        if not self.base.exists():
            return None
        return sorted(
            (it.name, it.lstat().st_mode, it.lstat().st_mtime == 0, it.read_bytes() if it.is_file() else b"")
            for it in self.base.iterdir()
        )

    def close(self) -> None:
        if self.environment is not None:
            self.environment.close()


@pytest.fixture(scope="module")
def environments(functions: Any, policy_of: Any, read_audits: Any, tmp_path_factory: Any) -> Iterator[Any]:
    from defender.policy import Effect, Filesystem

    ruby = replace(functions, command=("ruby", str(CLIENT)))
    opened = {}
    for name, effect, here in (
        ("control", None, ruby),
        ("prevent", "prevent", ruby),
        ("unlocked", "prevent", ruby.without_seccomp()),
        ("alert", "alert", ruby),
        ("block", "block", ruby.without_seccomp()),
    ):
        base = tmp_path_factory.mktemp(name) / "denied"
        root = ruby.protected("ruby_reach") if effect else ruby.original("ruby_reach")
        given = effect and policy_of(filesystem=Filesystem(Effect(effect), deny=(str(base),)))
        start = lambda root=root, given=given, here=here: here.start(root, given)  # noqa: E731
        opened[name] = Reaching(start, base, read_audits)
    yield opened
    for one in opened.values():
        one.close()


def test_table_is_whole() -> None:
    assert sorted(re.findall(r"^  '(\w+)' =>", SOURCE.read_text("utf-8"), re.M)) == sorted([*WAYS, *AROUND])


@pytest.mark.parametrize("way", WAYS)
def test_files(way: str, environments: dict[str, Reaching]) -> None:
    control, changed, found = environments["control"].run(way)
    assert "raised" not in control.document, control
    assert found == set()

    for name in ("prevent", "unlocked"):
        outcome, happened, found = environments[name].run(way)
        assert (happened, found) == (False, {"prevent"}), outcome
        assert outcome.document["raised"] == WAYS[way], outcome

    outcome, happened, found = environments["alert"].run(way)
    answer = outcome.body.replace(
        str(environments["alert"].base).encode(), str(environments["control"].base).encode()
    )
    assert (answer, happened, found) == (control.body, changed, {"alert"})

    outcome, happened, found = environments["block"].run(way)
    assert (outcome.kind, happened, found) == ("exit", False, {"block"})


@pytest.mark.parametrize("way", AROUND)
def test_what_is_not_covered(way: str, environments: dict[str, Reaching]) -> None:
    for name in ("control", "prevent", "unlocked"):
        outcome, happened, found = environments[name].run(way)
        assert (happened, found) == (True, set()), outcome
