"""Java on AWS Lambda: how the handlers of built packages, and of projects that are built, run inside the agent."""

from __future__ import annotations

import re
from collections.abc import Sequence

from defender.archive import Archive
from defender.bundle import Agent
from defender.errors import DetectionError, RewriteRefused
from defender.plan import Plan
from defender.runtimes.java import built
from defender.runtimes.java.candidates import candidates
from defender.runtimes.java.classpath import Classpath
from defender.runtimes.java.handlers import FRAMEWORKS, Target, target
from defender.runtimes.java.projects import build_files, is_source, projects_of, source_files
from defender.runtimes.model import Detection, Function

__all__ = ["DEFAULT_HANDLERS", "candidates", "form", "home", "locate", "plan", "shape", "unprotected"]

DEFAULT_HANDLERS = ("example.Hello::handleRequest",)
_OLDEST = 8


def locate(archive: Archive, task_root: str, handler: str, runtime: str | None) -> str | None:
    """The class file or the jar that Lambda's class loader finds for the handler, else its source, else None."""
    del runtime
    wanted = target(handler)
    if wanted is None:
        return None
    place = Classpath(archive, task_root).place(wanted.name)
    return place or _source(archive, task_root, wanted) or _bringing(archive, task_root, wanted)


def home(archive: Archive, task_root: str, file: str) -> str:
    """The folder of the project that a source is built in; the task root of a package that is built already."""
    return projects_of(archive, file)[0].folder if is_source(file) else task_root


def form(archive: Archive, functions: Sequence[Function]) -> str:
    """`source` where a handler has to be compiled first, else `built`."""
    del archive
    return "source" if any(is_source(function.file) for function in functions) else "built"


def plan(archive: Archive, found: Detection, agent: Agent) -> Plan:
    """What puts the agent in front of every function's handler.

    Raises RewriteRefused for what can't be changed with proof, DetectionError where Lambda could not call the handler.
    """
    for function in found.functions:
        _refuse_runtime(function)
        _refuse_wrapped(function)
    if found.form == "source":
        # A grammar and the build tools' modules, which packages that are built do without.
        from defender.runtimes.java import project_plan

        return project_plan.plan(archive, found, agent)
    result = Plan()
    for function in found.functions:
        result = result.plus(built.redirect(archive, function, _target(function)))
    return result


def shape(archive: Archive, function: Function) -> str:
    """`redirected` for every handler of a built package: an entry point that only our own bundle has."""
    del archive, function
    return "redirected"


def unprotected(archive: Archive, function: Function) -> str | None:
    """What a package lacks for its function to run inside the agent, once its settings are made; None when nothing."""
    if is_source(function.file):
        from defender.runtimes.java import project_plan

        return project_plan.lacking(archive, function)
    return built.lacking(archive, function)


def _target(function: Function) -> Target:
    wanted = target(function.handler)
    if wanted is None:
        raise DetectionError(
            f"{function.handler!r} names no Java handler",
            hint="a handler is written package.Class::method, or package.Class",
        )
    return wanted


def _source(archive: Archive, task_root: str, wanted: Target) -> str | None:
    """The source file that has the class's name; DetectionError where there are several."""
    stem = wanted.name.partition("$")[0]
    names = tuple(f"/{name}." for name in (stem, stem.removesuffix("Kt")))
    found = [path for path in source_files(archive, task_root) if any(name in f"/{path}" for name in names)]
    if len(found) > 1:
        raise DetectionError(
            f"{len(found)} source files could hold the class {wanted.name.replace('/', '.')}: {', '.join(found)}",
            hint="embed the folder of one project by itself",
        )
    return found[0] if found else None


def _bringing(archive: Archive, task_root: str, wanted: Target) -> str | None:
    """The build file of the project that brings a framework's own handler as a dependency."""
    if not wanted.name.startswith(FRAMEWORKS):
        return None
    return next(iter(build_files(archive, task_root)), None)


def _refuse_wrapped(function: Function) -> None:
    """Redirecting past another product's wrapper would switch that off; redirecting to it is proved by no test."""
    if function.setting is not None:
        raise RewriteRefused(
            f"the handler setting of {function.label} is another product's wrapper: {function.setting}",
            path=function.file,
            hint="set the function's own handler, embed, and add the other product anew",
        )


def _refuse_runtime(function: Function) -> None:
    version = re.fullmatch(r"java(\d+)(\..*)?", function.runtime or "")
    if function.runtime == "java8":
        raise RewriteRefused(
            f"{function.label} runs on java8, whose runtime Lambda has retired; its loader is not the public one",
            hint="move the function to a newer runtime; --runtime says which one it will be",
        )
    if version and int(version[1]) < _OLDEST:
        raise RewriteRefused(f"{function.label} runs on {function.runtime}; the agent needs Java 8 or newer")
