"""Maven projects: the agent's repository and dependency in pom.xml, and whether the build puts it into the package.

Only elements are inserted, and each edited file is parsed again. A build that leaves the agent out, or of which
that can't be told, is refused. Nothing of the project is run.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from defender.archive import Archive
from defender.edits.xml import Element
from defender.edits.xml_insert import New, fitting, is_written, with_spare
from defender.errors import RewriteRefused
from defender.manifest import FOLDER
from defender.plan import Edit
from defender.runtimes.java.maven import agent, copying, packing, surroundings
from defender.runtimes.java.maven.additions import Addition, as_edits
from defender.runtimes.java.maven.pom import Lineage, lineage
from defender.runtimes.java.projects import Project

__all__ = ["edits", "lacking", "warnings"]


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
    packing.refuse_kind(archive, line)
    surroundings.refuse_rules(line)
    if not is_named:
        copying.refuse_analysis(line)
    packed = packing.additions(archive, line, by_sam=by_sam)
    return as_edits([*_required(line, _url(line, root), version), *packed])


def warnings(archive: Archive, project: Project) -> tuple[str, ...]:
    """What a build of the edited project may fail at, for people to look after."""
    return tuple(surroundings.warnings(archive, lineage(archive, project.build_file)))


def lacking(archive: Archive, project: Project, *, root: str | None = None) -> str | None:
    """Why the build of an edited project would leave the agent out of its package; None when nothing is missing."""
    line = lineage(archive, project.build_file)
    folder = line.own.folder if root is None else root
    place = posixpath.join(folder, FOLDER, *agent.GROUP.split("."), agent.NAME, "")
    versions = {path[len(place) :].partition("/")[0] for path in archive.members if path.startswith(place)}
    try:
        packing.refuse_kind(archive, line)
        missing = [one.rule for one in packing.additions(archive, line, by_sam=True)]
    except RewriteRefused as error:
        return str(error)
    if not any(_is_there(line, _url(line, root), version) for version in versions):
        return f"{line.own.path}: depends on no version of {agent.KEY} that lies in {place}"
    return f"{line.own.path}: lacks {missing[0]}" if missing else None


def _is_there(line: Lineage, url: str, version: str) -> bool:
    """Whether repository and dependency of the project itself are what is inserted."""
    wanted = (
        ("repositories", agent.repository(url), "releases"),
        ("dependencies", agent.dependency(version), "exclusions"),
    )
    return all(
        sum(
            is_written(new, one) or is_written(with_spare(new, spare), one)
            for one in line.own.root.all(name, new.name)
        )
        == 1
        for name, new, spare in wanted
    )


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
    return RewriteRefused(message, path=path, line=element.line, hint="take it out, then embed")
