"""Gradle projects: the agent's repository and dependency in build.gradle, and what packs them.

Blocks are added to the end of the script, for Gradle adds blocks of one name up. A build that might not reach them,
leave the agent out of its package, or fail because of it, is refused. Nothing of the project is run.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence
from typing import Protocol

from defender.archive import Archive
from defender.edits.splice import Splice
from defender.errors import RewriteRefused
from defender.plan import Edit
from defender.runtimes.java.gradle import locks, plugins
from defender.runtimes.java.gradle.build import KOTLIN, Build, is_file, refuse_depended_on, refuse_embedded
from defender.runtimes.java.gradle.packing import TASK, Packing, packing
from defender.runtimes.java.gradle.script import Script, refuse_renamed, refuse_unreached
from defender.runtimes.java.gradle.settings import refuse_unasked, settings
from defender.runtimes.java.gradle.style import Style
from defender.runtimes.java.gradle.tokens import BY_HAND

__all__ = ["Project", "edits"]

_OLDEST = (4, 4)
_NEWEST_WITH_COMPILE = (6, 9)
_ARTIFACT = "com.twistlock.serverless:defender"
_FOLDER = "twistlock"
_NAMES = frozenset(
    {"repositories", "dependencies", "maven", "uri", "implementation", "compile", "task", TASK}
)
_RENAMED = _NAMES | {"build", "sourceSets", "configurations", "dependencyResolutionManagement", "Zip"}
# Words that take back what was added to a container, whenever that may happen.
_CLEARING = frozenset(
    {"clear", "removeIf", "removeAll", "retainAll", "withDependencies", "Closure", "metaClass"}
)
_IN_KOTLIN = (
    'add `repositories { maven { url = uri("twistlock") } }` and `dependencies { implementation('
    '"com.twistlock.serverless:defender:VERSION") }` by hand, or build the project and embed the package'
)


class Project(Protocol):
    """What has to be known of a project: its folder, and its build.gradle."""

    @property
    def folder(self) -> str:
        """The folder, "" for the archive itself."""
        ...

    @property
    def build_file(self) -> str:
        """The path of its build script."""
        ...


def edits(
    archive: Archive, project: Project, version: str, *, root: str | None = None, by_sam: bool = False
) -> tuple[Edit, ...]:
    """The edits that make the agent a dependency of a project, and a part of its package.

    `root` is the folder that holds `twistlock/`, the project's own if left out; `by_sam`: `sam build` makes the
    package, with all dependencies. Raises RewriteRefused, with the line, where the agent would not get into the
    package whole, or the build would fail.
    """
    if project.build_file.endswith(KOTLIN):
        raise RewriteRefused(
            "a build script in Kotlin, which defender does not edit", path=project.build_file, hint=_IN_KOTLIN
        )
    build = Build(archive, project.folder, project.build_file)
    managed = settings(build)
    _refuse(build, managed)
    packed = packing(build, f"defender-{version}.jar")
    folder = posixpath.join(project.folder if root is None else root, _FOLDER)
    texts = {
        "java.gradle.add-dependency": _dependency(build, packed, version),
        "java.gradle.add-task": "" if packed.is_there or by_sam else _task(build.own),
    }
    if managed is None:
        texts = {"java.gradle.add-repository": _repository(build.own, folder, project.folder), **texts}
        return (*_appended(build.own, texts), *locks.edits(build, f"{_ARTIFACT}:{version}"))
    nested = Style.of(managed.data).nest(
        "dependencyResolutionManagement", _repository(managed, folder, build.root)
    )
    return (
        *_appended(managed, {"java.gradle.add-settings-repository": nested}),
        *_appended(build.own, texts),
        *locks.edits(build, f"{_ARTIFACT}:{version}"),
    )


def _refuse(build: Build, managed: Script | None) -> None:
    if build.version is not None and build.version < _OLDEST:
        raise RewriteRefused(
            f"Gradle {build.version[0]}.{build.version[1]} is older than the oldest that is tested, 4.4",
            path=build.build_file,
            hint=BY_HAND,
        )
    module = posixpath.join(build.folder, "src/main/java/module-info.java")
    if is_file(build.archive, module):
        raise RewriteRefused("a module would have to require the agent's", path=module, hint=BY_HAND)
    refuse_embedded(build)
    plugins.refuse_frameworks(build)
    plugins.refuse_other_than_java(build)
    for script in (build.own, managed):
        if script is not None:
            refuse_unreached(script)
    for script in build.all:
        refuse_renamed(script, _RENAMED)
        refuse_unasked(script)
        _refuse_cleared(script)
    if managed is None:
        refuse_depended_on(build)


def _refuse_cleared(script: Script) -> None:
    for index, token in enumerate(script.tokens):
        if token.kind == "word" and token.text in _CLEARING:
            raise script.refused(f"{token.text!r} may take back what is added", index)


def _dependency(build: Build, packed: Packing, version: str) -> str:
    configuration = "compile" if _is_old(build, packed) else "implementation"
    return Style.of(build.own.data).block("dependencies", f"{configuration} '{_ARTIFACT}:{version}'")


def _is_old(build: Build, packed: Packing) -> bool:
    """Whether the project has the configurations that Gradle 7 took away, so that `compile` reaches all that packs."""
    used = packed.is_old or any(
        one.name == "compile"
        for script in build.all
        for call in script.calls()
        if call.name == "dependencies" and call.inside
        for one in script.calls(call.inside)
    )
    if used and build.version is not None and build.version > _NEWEST_WITH_COMPILE:
        raise RewriteRefused(
            f"the configuration 'compile' is gone in Gradle {build.version[0]}",
            path=build.build_file,
            hint=BY_HAND,
        )
    return used


def _repository(script: Script, folder: str, base: str) -> str:
    place = posixpath.relpath(posixpath.join("/", folder), posixpath.join("/", base))
    style = Style.of(script.data)
    return style.block("repositories", style.one_line("maven", f"url = uri('{place}')"))


def _task(script: Script) -> str:
    style = Style.of(script.data)
    into = style.block("into('lib')", "from configurations.runtimeClasspath")
    return style.block(f"task {TASK}(type: Zip)", f"from sourceSets.main.output{style.newline}{into}") + (
        f"{style.newline}build.dependsOn {TASK}"
    )


def _appended(script: Script, texts: dict[str, str]) -> list[Edit]:
    """Blocks at the end of a script, each an edit, and the proof that the script reads as it did, with them behind."""
    style, at = Style.of(script.data), len(script.data)
    texts = {rule: text for rule, text in texts.items() if text}
    prove = _proof(script, list(texts.values()))
    found: list[Edit] = []
    for rule, text in texts.items():
        data = f"{'' if found else style.gap}{style.newline if found else ''}{text}{style.newline}"
        found.append(Edit(script.path, rule, _WHY[rule], (Splice.insert(at, data.encode()),), prove))
    return found


def _proof(script: Script, texts: Sequence[str]) -> Callable[[bytes], None]:
    added = [token.text for text in texts for token in Script(script.path, text.encode()).tokens]
    wanted = [token.text for token in script.tokens] + added
    count = sum(1 for _ in script.statements()) + sum(
        1 for text in texts for _ in Script(script.path, text.encode()).statements()
    )

    def prove(data: bytes) -> None:
        after = Script(script.path, data)
        if [token.text for token in after.tokens] != wanted or sum(1 for _ in after.statements()) != count:
            raise RewriteRefused("the build script would not read as intended", path=script.path)

    return prove


_WHY = {
    "java.gradle.add-repository": "where the agent lies",
    "java.gradle.add-settings-repository": "where the agent lies; the settings declare the repositories",
    "java.gradle.add-dependency": "the agent itself",
    "java.gradle.add-task": "nothing else packs the dependencies",
}
