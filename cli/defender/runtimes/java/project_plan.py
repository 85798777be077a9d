"""Projects that are built: the handler's classes, the build files and the setting, joined to one plan.

Which files change is decided by the parts: `source` for the classes, `maven` and `gradle` for the builds.
"""

from __future__ import annotations

from defender.archive import Archive
from defender.bundle import Agent
from defender.errors import DetectionError, RewriteRefused
from defender.plan import Plan, Setting
from defender.runtimes.java import built, gradle, maven, source
from defender.runtimes.java.projects import Project, is_source, projects_of
from defender.runtimes.java.repository import version
from defender.runtimes.java.source import Redirected
from defender.runtimes.java.sources import Sources
from defender.runtimes.java.syntax import Unproven
from defender.runtimes.model import Detection, Function

_TOOLS = {"maven": maven, "gradle": gradle}


def plan(archive: Archive, found: Detection, agent: Agent) -> Plan:
    """The edits of all functions' projects, and their handlers' new settings.

    Raises RewriteRefused where a handler or a build can't be changed with proof.
    """
    result = Plan()
    named: dict[Project, bool] = {}
    by_sam: dict[Project, bool] = {}
    outputs: dict[Project, str | None] = {}
    for function in found.functions:
        _refuse_mixed(function)
        projects = projects_of(archive, function.file)
        handler = _handler(archive, projects[0], function)
        result = result.plus(handler)
        for project in projects:
            named[project] = named.get(project, False) or bool(handler.edits or handler.skipped)
            by_sam[project] = by_sam.get(project, True) and _is_built_by_sam(found, function)
            outputs[project] = outputs.get(project) or function.output
    for project, is_named in named.items():
        if project.kind == "maven":
            result = result.plus(_maven(archive, project, version(agent), by_sam[project], is_named))
        else:
            result = result.plus(_gradle(archive, project, version(agent), by_sam[project], outputs[project]))
    return result


def lacking(archive: Archive, function: Function) -> str | None:
    """What a project lacks for its function to run inside the agent, once it is built; None when nothing.

    `function` has its handler as it is after embedding.
    """
    projects = projects_of(archive, function.file)
    if function.handler != built.REDIRECTING:
        problem = source.unprotected(archive, projects[0], function.handler)
        if problem is not None:
            return problem
    problems = [_TOOLS[one.kind].lacking(archive, one) for one in projects]
    return next((problem for problem in problems if problem is not None), None)


def _handler(archive: Archive, project: Project, function: Function) -> Plan:
    """The handler's classes, or the redirecting class in front of them."""
    rewritten = source.rewrite(archive, project, function)
    if isinstance(rewritten, Redirected):
        _refuse_missing(archive, project, function)
        note = f"{function.label}: {built.REDIRECTING} becomes the handler, for {rewritten.reason}"
        return Plan(settings=(built.redirecting(function),), warnings=(note,))
    setting = Setting(function.handler, function.task_root, rewritten.handler, {})
    return Plan(
        edits=rewritten.edits,
        skipped=rewritten.skipped,
        settings=(setting,) if rewritten.handler != function.handler else (),
    )


def _refuse_missing(archive: Archive, project: Project, function: Function) -> None:
    """Raise DetectionError for a class that the file of its name does not declare; other languages' are not read."""
    name = function.handler.partition("::")[0]
    if not function.file.endswith(".java"):
        return
    try:
        is_missing = Sources(archive, project.folder).by_binary_name(name) is None
    except Unproven:
        return
    if is_missing:
        raise DetectionError(
            f"no source of the project declares the class {name}",
            path=function.file,
            hint="name another handler with --handler package.Class::method; nested classes are written Outer$Inner",
        )


def _maven(archive: Archive, project: Project, version: str, by_sam: bool, is_named: bool) -> Plan:
    edits = maven.edits(archive, project, version, by_sam=by_sam, is_named=is_named)
    return Plan(edits=edits, warnings=maven.warnings(archive, project))


def _gradle(archive: Archive, project: Project, version: str, by_sam: bool, output: str | None) -> Plan:
    edits = gradle.edits(archive, project, version, by_sam=by_sam, output=output)
    return Plan(edits=edits, warnings=gradle.warnings(edits))


def _is_built_by_sam(found: Detection, function: Function) -> bool:
    """Whether `sam build` makes the package by itself.

    It leaves alone what a template has from a build's output, and with a build method packs what that makes.
    """
    is_folder = function.source is not None and function.output is None
    return found.build == "sam" and is_folder and function.build_method is None


def _refuse_mixed(function: Function) -> None:
    if not is_source(function.file):
        raise RewriteRefused(
            f"{function.label} is built already, and other functions of the package are not",
            path=function.file,
            hint="embed them one by one, with --handler",
        )
