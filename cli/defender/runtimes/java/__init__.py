"""Java on AWS Lambda: built packages, whose handlers run inside the agent through its redirecting class.

No class of the package is changed. The handler setting names the agent's class, `TW_HANDLER` the function's own
handler; until both are set, the function runs as before.
"""

from __future__ import annotations

import posixpath
import re

from defender.archive import Archive, Kind
from defender.errors import DetectionError, RewriteRefused
from defender.plan import Plan, Setting
from defender.runtimes.java.candidates import candidates
from defender.runtimes.java.classpath import ENDING, Classpath
from defender.runtimes.java.handlers import Target, refuse_unfit, target
from defender.runtimes.model import Detection, Function

__all__ = ["DEFAULT_HANDLERS", "candidates", "form", "locate", "plan", "shape", "unprotected"]

DEFAULT_HANDLERS = ("example.Hello::handleRequest",)
REDIRECTING = "com.twistlock.serverless.ProtectedHandler"
VARIABLE = "TW_HANDLER"
_AGENT = "com/twistlock/"
_OLDEST = 8
_SOURCES = (".java", ".kt", ".scala", ".groovy")
# What a project is built from: none of them belongs into a package that Lambda runs.
_PROJECT = ("pom.xml", "build.gradle", "build.gradle.kts")


def locate(archive: Archive, task_root: str, handler: str, runtime: str | None) -> str | None:
    """The class file or the jar that Lambda's class loader finds for the handler, else its source, else None."""
    del runtime
    wanted = target(handler)
    if wanted is None:
        return None
    return Classpath(archive, task_root).place(wanted.name) or _source(archive, task_root, wanted)


def form(archive: Archive) -> str:
    """`source` where there is something to build from, else `built`."""
    names = {posixpath.basename(name) for name in archive.members if name.count("/") < 2}
    return "source" if names & set(_PROJECT) else "built"


def plan(archive: Archive, found: Detection) -> Plan:
    """The settings that put the agent in front of every function's handler.

    Raises RewriteRefused for what is not built yet, DetectionError where Lambda could not call the handler.
    """
    result = Plan()
    for function in found.functions:
        _refuse_runtime(function)
        _refuse_source(function)
        _refuse_wrapped(function)
        wanted = _target(function)
        classpath = Classpath(archive, function.task_root)
        refuse_unfit(classpath, function.handler, wanted)
        _refuse_other_agent(classpath)
        setting = Setting(function.handler, function.task_root, REDIRECTING, {VARIABLE: function.handler})
        result = result.plus(Plan(settings=(setting,)))
    return result


def shape(archive: Archive, function: Function) -> str:
    """`redirected` for every handler of a built package: an entry point that only our own bundle has."""
    del archive, function
    return "redirected"


def unprotected(archive: Archive, function: Function) -> str | None:
    """What a package lacks for its function to run inside the agent, once its settings are made; None when nothing."""
    if function.handler != REDIRECTING:
        return f"the handler is {function.handler}, not {REDIRECTING}"
    classpath = Classpath(archive, function.task_root)
    agent = REDIRECTING.replace(".", "/")
    if classpath.place(agent) != posixpath.join(function.task_root, agent + ENDING):
        return f"the package has no class {REDIRECTING}"
    if function.file not in archive.members:
        return f"{function.file}: the function's own handler is missing"
    return None


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
    names = (stem, stem.removesuffix("Kt"))
    prefix = posixpath.join(task_root, "")
    return next(
        (
            path
            for path, member in archive.members.items()
            if path.endswith(_SOURCES)
            and path.startswith(prefix)
            and member.kind is Kind.FILE
            and f"/{posixpath.splitext(path)[0]}".endswith(tuple(f"/{name}" for name in names))
        ),
        None,
    )


def _refuse_source(function: Function) -> None:
    if function.file.endswith(_SOURCES):
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


def _refuse_other_agent(classpath: Classpath) -> None:
    """The task root comes first, so a jar can't hide our classes; it would only be confusing to have two."""
    for path, jar in classpath.jars.items():
        if any(name.startswith(_AGENT) for name in jar.members):
            raise RewriteRefused(
                "a jar of the package holds another agent's classes",
                path=path,
                hint="take the dependency com.twistlock.serverless out, and build again",
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
