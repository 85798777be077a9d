"""Gradle projects: the agent's repository and dependency in build.gradle, and what packs them.

Blocks are added to the end of the script, for Gradle adds blocks of one name up. A build that might not reach them,
leave the agent out of its package, or fail because of it, is refused. Nothing of the project is run.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from defender.archive import Archive
from defender.errors import RewriteRefused
from defender.manifest import FOLDER
from defender.plan import Edit
from defender.runtimes.java.gradle import additions, locks, plugins
from defender.runtimes.java.gradle.additions import Addition
from defender.runtimes.java.gradle.build import KOTLIN, Build, is_file, refuse_depended_on, refuse_embedded
from defender.runtimes.java.gradle.packing import TASK, Packing, packing
from defender.runtimes.java.gradle.script import Script, refuse_renamed, refuse_unreached
from defender.runtimes.java.gradle.settings import refuse_unasked, settings
from defender.runtimes.java.gradle.tokens import BY_HAND
from defender.runtimes.java.projects import Project
from defender.runtimes.java.repository import ARTIFACT, GROUP

__all__ = ["edits", "lacking", "warnings"]

_OLDEST = (4, 4)
_NEWEST_WITH_COMPILE = (6, 9)
_KEY = f"{GROUP}:{ARTIFACT}"
_NAMES = frozenset(
    {"repositories", "dependencies", "maven", "uri", "implementation", "compile", "task", TASK}
)
_RENAMED = _NAMES | {"build", "sourceSets", "configurations", "dependencyResolutionManagement", "Zip"}
# Words that take back what was added to a container, whenever that may happen.
_CLEARING = frozenset({"clear", "removeIf", "removeAll", "retainAll", "withDependencies", "metaClass"})
_IN_KOTLIN = (
    'add `repositories { maven { url = uri("twistlock") } }` and `dependencies { implementation('
    '"com.twistlock.serverless:defender:VERSION") }` by hand, or build the project and embed the package'
)


def edits(
    archive: Archive,
    project: Project,
    version: str,
    *,
    root: str | None = None,
    by_sam: bool = False,
    output: str | None = None,
) -> tuple[Edit, ...]:
    """The edits that make the agent a dependency of a project, and a part of its package.

    `root` is the folder that holds `twistlock/`, the project's own if left out; `by_sam`: `sam build` makes the
    package, with all dependencies; `output`: what the build makes and a template deploys. Raises RewriteRefused,
    with the line, where the agent would not get into the package whole, or the build would fail.
    """
    build = _build(archive, project)
    refuse_embedded(build)
    managed = settings(build)
    _refuse(build, managed)
    packed = packing(build, f"{ARTIFACT}-{version}.jar")
    wanted = list(_required(build, managed, packed, version, root))
    if not packed.is_there and not by_sam:
        _refuse_thin(build, output)
        wanted.append(additions.task(build))
    return (*additions.as_edits(wanted), *locks.edits(build, f"{_KEY}:{version}"))


def warnings(edits: tuple[Edit, ...]) -> tuple[str, ...]:
    """What people have to know of the build that the edits lead to."""
    return tuple(
        f"{edit.path}: deploy the ZIP that the task {TASK} makes in build/distributions; "
        "nothing else in the build packs the agent, or any other dependency"
        for edit in edits
        if edit.rule == additions.ADD_TASK
    )


def lacking(archive: Archive, project: Project, *, root: str | None = None) -> str | None:
    """Why the build of an edited project would leave the agent out of its package; None when nothing is missing."""
    folder = posixpath.join(project.folder if root is None else root, FOLDER)
    place = posixpath.join(folder, *GROUP.split("."), ARTIFACT, "")
    versions = {path[len(place) :].partition("/")[0] for path in archive.members if path.startswith(place)}
    missing = f"{project.build_file}: depends on no version of {_KEY} that lies in {place}"
    try:
        build = _build(archive, project)
        managed = settings(build)
        _refuse(build, managed)
        for version in sorted(versions):
            packed = packing(build, f"{ARTIFACT}-{version}.jar")
            if all(one.is_there for one in _required(build, managed, packed, version, root)):
                return locks.lacking(build, f"{_KEY}:{version}")
    except RewriteRefused as error:
        return str(error)
    return missing


def _build(archive: Archive, project: Project) -> Build:
    if project.build_file.endswith(KOTLIN):
        raise RewriteRefused(
            "a build script in Kotlin, which defender does not edit", path=project.build_file, hint=_IN_KOTLIN
        )
    return Build(archive, project.folder, project.build_file)


def _refuse_thin(build: Build, output: str | None) -> None:
    """The task's package would be one more beside the one that is deployed."""
    if output is not None:
        raise RewriteRefused(
            f"{output}, which is deployed, has no dependencies in it, as far as the build scripts tell",
            path=build.build_file,
            hint="let the build pack configurations.runtimeClasspath, or embed the package that is deployed",
        )


def _required(
    build: Build, managed: Script | None, packed: Packing, version: str, root: str | None
) -> Iterator[Addition]:
    """What every project needs."""
    yield additions.repository(build, managed, root)
    configuration = "compile" if _is_old(build, packed) else "implementation"
    yield additions.dependency(build, configuration, f"{_KEY}:{version}")


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
