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
from defender.runtimes.java.handlers import Target, target
from defender.runtimes.java.projects import is_source, projects_of, sources
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
    return Classpath(archive, task_root).place(wanted.name) or _source(archive, task_root, wanted)


def home(archive: Archive, task_root: str, file: str) -> str:
    """The folder of the project that a source is built in; the task root of a package that is built already."""
    return projects_of(archive, file)[0].folder if is_source(file) else task_root


def form(archive: Archive, functions: Sequence[Function]) -> str:
    """`source` where a handler has to be compiled first, else `built`."""
    del archive
    return "source" if any(is_source(function.file) for function in functions) else "built"


def plan(archive: Archive, found: Detection, agent: Agent) -> Plan:
    """What puts the agent in front of every function's handler.

    Raises RewriteRefused for what is not built yet, DetectionError where Lambda could not call the handler.
    """
    del agent
    result = Plan()
    for function in found.functions:
        _refuse_runtime(function)
        _refuse_source(function)
        _refuse_wrapped(function)
        result = result.plus(built.redirect(archive, function, _target(function)))
    return result


def shape(archive: Archive, function: Function) -> str:
    """`redirected` for every handler of a built package: an entry point that only our own bundle has."""
    del archive, function
    return "redirected"


def unprotected(archive: Archive, function: Function) -> str | None:
    """What a package lacks for its function to run inside the agent, once its settings are made; None when nothing."""
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
    """A source file that could hold the class; of several the first."""
    stem = wanted.name.partition("$")[0]
    names = tuple(f"/{name}." for name in (stem, stem.removesuffix("Kt")))
    return next(
        (path for path in sources(archive, task_root) if any(name in f"/{path}" for name in names)), None
    )


def _refuse_source(function: Function) -> None:
    if is_source(function.file):
        raise RewriteRefused(
            f"{function.label} is not built yet",
            path=function.file,
            hint="build the project, and embed the package that is deployed",
        )


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
