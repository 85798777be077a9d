"""What is added to the end of build scripts: the texts, the edits, the proof, and whether they are there."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from defender.edits.splice import Splice
from defender.errors import RewriteRefused
from defender.manifest import FOLDER
from defender.plan import Edit
from defender.runtimes.java.gradle.build import Build
from defender.runtimes.java.gradle.packing import TASK
from defender.runtimes.java.gradle.script import Script
from defender.runtimes.java.gradle.settings import MANAGEMENT
from defender.runtimes.java.gradle.style import Style
from defender.runtimes.java.gradle.tokens import BY_HAND

ADD_TASK = "java.gradle.add-task"
_PLAIN = re.compile(r"[\w./@+-]+")


@dataclass(frozen=True, slots=True)
class Addition:
    """Statements for the end of one script."""

    script: Script
    rule: str
    why: str
    text: str

    @property
    def statements(self) -> tuple[tuple[str, ...], ...]:
        """The statements as the texts of their tokens."""
        return _statements(Script(self.script.path, self.text.encode()))

    @property
    def is_there(self) -> bool:
        """Whether the script has these statements, one after the other, at its top."""
        found, wanted = _statements(self.script), self.statements
        return any(found[at : at + len(wanted)] == wanted for at in range(len(found)))


def repository(build: Build, managed: Script | None, root: str | None) -> Addition:
    """The agent's repository: in the settings where these have the say, else in the project's script."""
    script = build.own if managed is None else managed
    base = build.folder if managed is None else build.root
    folder = posixpath.join(build.folder if root is None else root, FOLDER)
    place = posixpath.relpath(posixpath.join("/", folder), posixpath.join("/", base))
    if not _PLAIN.fullmatch(place):
        raise RewriteRefused(
            "the name of the project's folder can't be written down", path=folder, hint=BY_HAND
        )
    style = Style.of(script.data)
    block = style.block("repositories", f"maven {{ url = uri('{place}') }}")
    if managed is None:
        return Addition(script, "java.gradle.add-repository", "where the agent lies", block)
    why = "where the agent lies; the settings declare the repositories"
    return Addition(script, "java.gradle.add-settings-repository", why, style.block(MANAGEMENT, block))


def dependency(build: Build, configuration: str, coordinates: str) -> Addition:
    """The agent as a dependency."""
    text = Style.of(build.own.data).block("dependencies", f"{configuration} '{coordinates}'")
    return Addition(build.own, "java.gradle.add-dependency", "the agent itself", text)


def task(build: Build) -> Addition:
    """The manual's task, which packs classes, resources and dependencies."""
    style = Style.of(build.own.data)
    into = style.block("into('lib')", "from configurations.runtimeClasspath")
    block = style.block(f"task {TASK}(type: Zip)", f"from sourceSets.main.output{style.newline}{into}")
    text = f"{block}{style.newline}build.dependsOn {TASK}"
    return Addition(build.own, ADD_TASK, "nothing else packs the dependencies", text)


def as_edits(additions: Sequence[Addition]) -> tuple[Edit, ...]:
    """The edits of all scripts, each script's in the order given."""
    scripts = {addition.script.path: addition.script for addition in additions}
    return tuple(
        edit
        for path, script in scripts.items()
        for edit in _appended(script, [one for one in additions if one.script.path == path])
    )


def _appended(script: Script, additions: list[Addition]) -> list[Edit]:
    style, at = Style.of(script.data), len(script.data)
    prove = _proof(script, additions)
    found: list[Edit] = []
    for one in additions:
        data = f"{style.newline if found else style.gap}{one.text}{style.newline}"
        found.append(Edit(script.path, one.rule, one.why, (Splice.insert(at, data.encode()),), prove))
    return found


def _proof(script: Script, additions: list[Addition]) -> Callable[[bytes], None]:
    """That the script reads as it did, with the additions' statements behind it."""
    wanted = (*_statements(script), *(each for one in additions for each in one.statements))

    def prove(data: bytes) -> None:
        if _statements(Script(script.path, data)) != wanted:
            raise RewriteRefused("the build script would not read as intended", path=script.path)

    return prove


def _statements(script: Script) -> tuple[tuple[str, ...], ...]:
    return tuple(
        tuple(token.text for token in script.tokens[start:end]) for start, end in script.statements()
    )
