"""Maven projects: the agent's repository and dependency in pom.xml, and whether the build puts it into the package.

Only elements are inserted, and each edited file is parsed again. A build that leaves the agent out, or of which
that can't be told, is refused. Nothing of the project is run.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from defender.archive import Archive
from defender.edits.xml import Element
from defender.edits.xml_insert import New, fitting
from defender.errors import RewriteRefused
from defender.plan import Edit
from defender.runtimes.java.maven import agent, assembly, copying, shade, surroundings
from defender.runtimes.java.maven.additions import Addition, as_edits
from defender.runtimes.java.maven.pom import Lineage, lineage
from defender.runtimes.java.projects import Project

__all__ = ["edits", "warnings"]

_MODULE = "src/main/java/module-info.java"
_HINT = "build the project and embed the package that is deployed"
# What packs a function by itself, or changes compiled classes: none of it is proved by a test.
_FOREIGN = {
    "quarkus-maven-plugin": "Quarkus packs the function",
    "micronaut-maven-plugin": "Micronaut packs the function",
    "native-maven-plugin": "the function is compiled to native code",
    "native-image-maven-plugin": "the function is compiled to native code",
    "proguard-maven-plugin": "ProGuard drops and renames classes",
    "maven-bundle-plugin": "an OSGi bundle lists the packages that it holds",
}
_SPRING = "org.springframework.boot:spring-boot-maven-plugin"


def edits(
    archive: Archive,
    project: Project,
    version: str,
    *,
    root: str | None = None,
    by_sam: bool = False,
    is_named: bool = True,
) -> tuple[Edit, ...]:
    """The edits that make the agent a dependency of a project, and a part of its package.

    `root` is the folder that holds `twistlock/`, the project's own if left out; `by_sam`: `sam build` makes the
    package, with all dependencies; `is_named`: a class of the project will name the agent's. Raises
    RewriteRefused, with the line, where the agent would not get into the package whole, or the build would fail.
    """
    line = lineage(archive, project.build_file)
    _refuse_present(line)
    _refuse_kind(archive, line)
    surroundings.refuse_rules(line)
    if not is_named:
        copying.refuse_analysis(line)
    packing = _packing(archive, line, by_sam)
    return as_edits([*_required(line, _url(line, root), version), *packing])


def warnings(archive: Archive, project: Project) -> tuple[str, ...]:
    """What a build of the edited project may fail at, for people to look after."""
    return tuple(surroundings.warnings(archive, lineage(archive, project.build_file)))


def _required(line: Lineage, url: str, version: str) -> Iterator[Addition]:
    document, project = line.own.document, line.own.root
    wanted = (
        (
            "repositories",
            agent.repository(url),
            "releases",
            "java.maven.add-repository",
            "where the agent lies",
        ),
        (
            "dependencies",
            agent.dependency(version),
            "exclusions",
            "java.maven.add-dependency",
            "the agent itself",
        ),
    )
    for name, new, spare, rule, why in wanted:
        section = project.first(name)
        if section is None:
            yield Addition(document, project, New(name, below=(new,)), rule, why)
        else:
            yield Addition(document, section, fitting(section, new, spare), rule, why)


def _url(line: Lineage, root: str | None) -> str:
    """The repository's place. In a pom.xml that a sibling depends on, too, `basedir` is that pom.xml's folder."""
    folder = line.own.folder if root is None else root
    relative = posixpath.relpath(
        posixpath.join("/", folder, "twistlock"), posixpath.join("/", line.own.folder)
    )
    return f"file://${{project.basedir}}/{relative}"


def _packing(archive: Archive, line: Lineage, by_sam: bool) -> list[Addition]:
    """What is to be added for the build to pack the agent; RewriteRefused where nothing packs dependencies."""
    added = shade.additions(line) if shade.is_used(line) else []
    by_assembly, more = assembly.judge(archive, line)
    by_copying = copying.copies(line)
    by_command = by_sam and copying.copies(line, by_command=True)
    if by_command or shade.is_used(line) or by_assembly or by_copying:
        return [*added, *more]
    for name, pom, plugin, _ in line.plugins():
        if name == _SPRING:
            raise _refused(
                pom.path, plugin, "Spring Boot packs jars into a jar, where Lambda does not find a handler"
            )
    raise RewriteRefused(
        "nothing in this build puts dependencies into the package, so the agent would be missing from it",
        path=line.own.path,
        hint=f"add the shade plugin, or {_HINT}",
    )


def _refuse_kind(archive: Archive, line: Lineage) -> None:
    own = line.own
    packaging = line.resolved(own.root.value("packaging") or "jar")
    if packaging != "jar":
        element = own.root.first("packaging") or own.root
        raise _refused(own.path, element, f"the project's packaging is {packaging}, not jar")
    for name, pom, plugin, profile in line.plugins():
        reason = _FOREIGN.get(name.partition(":")[2])
        if reason is not None and profile is None:
            raise _refused(pom.path, plugin, reason)
    if posixpath.join(own.folder, _MODULE) in archive.members:
        raise RewriteRefused(
            "the project is a Java module, which would have to require the agent's",
            path=posixpath.join(own.folder, _MODULE),
            hint=_HINT,
        )
    if line.outside is not None and line.outside.startswith("io.micronaut"):
        raise _refused(line.poms[-1].path, line.poms[-1].root, _FOREIGN["micronaut-maven-plugin"])


def _refuse_present(line: Lineage) -> None:
    """Another agent of this name: a console's bundle, put in by hand."""
    for pom in line.poms:
        for path in (("dependencies",), ("dependencyManagement", "dependencies")):
            for one in pom.sections(*path, "dependency"):
                if line.resolved(one.value("groupId") or "") == agent.GROUP:
                    raise _refused(pom.path, one, "the project depends on an agent already")
        for one in pom.sections("repositories", "repository"):
            if one.value("id") == agent.REPOSITORY:
                raise _refused(pom.path, one, "the project has a repository of the agent's name already")


def _refused(path: str, element: Element, message: str) -> RewriteRefused:
    return RewriteRefused(message, path=path, line=element.line, hint=_HINT)
