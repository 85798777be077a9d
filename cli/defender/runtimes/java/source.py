"""Java source projects: a handler's classes rewritten so that it runs inside the agent, where that can be proved.

What can't be rewritten with proof is left to the redirecting class, which needs no change of the code.
"""

from __future__ import annotations

from dataclasses import dataclass

from defender.archive import Archive
from defender.errors import DetectionError, RewriteRefused
from defender.plan import Edit, Skipped
from defender.runtimes.java import checking, wrapping
from defender.runtimes.java.forms import form_of
from defender.runtimes.java.handlers import Target, target
from defender.runtimes.java.hierarchy import Hierarchy, hierarchy, refuse_early_code
from defender.runtimes.java.methods import context_of
from defender.runtimes.java.names import Names, TypeVariable
from defender.runtimes.java.sources import Project, Sources
from defender.runtimes.java.syntax import Unproven
from defender.runtimes.model import Function

_USUAL = "protectedHandler"


@dataclass(frozen=True)
class Rewritten:
    """The edits, the handler setting that goes with them, and what was there already."""

    edits: tuple[Edit, ...]
    handler: str
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True)
class Redirected:
    """Why the redirecting class has to be the handler."""

    reason: str


def rewrite(archive: Archive, project: Project, function: Function) -> Rewritten | Redirected:
    """How the function's handler comes to run inside the agent.

    Raises RewriteRefused where a file uses the agent already, otherwise than it has to; DetectionError where Lambda
    could not call such a handler.
    """
    sources = Sources(archive, project.folder)
    wanted = _target(function.handler)
    if sources.other_agent is not None:
        raise RewriteRefused(
            "the project has classes of its own where the agent's are, in com.twistlock",
            path=sources.other_agent,
            hint="take them out, or rename their package",
        )
    try:
        if sources.is_module:
            raise Unproven("the project is a module, which would have to name the agent's")
        line = _hierarchy(sources, wanted)
        if checking.mentions_agent(line):
            return _by_hand(line, function.handler, wanted)
        refuse_early_code(line)
        form = form_of(Names(sources), line, wanted.method)
        if not sources.has_core:
            raise Unproven(
                "nothing in the project says that aws-lambda-java-core is there when it is compiled"
            )
        edits, name = wrapping.edits(sources, line, form)
    except Unproven as error:
        return Redirected(error.reason)
    except TypeVariable as error:
        return Redirected(f"the type variable {error} stays open")
    return Rewritten(edits, f"{_class_of(function.handler)}::{name}")


def unprotected(archive: Archive, project: Project, handler: str) -> str | None:
    """What the sources lack for `handler`, as it is after embedding, to run inside the agent; None when nothing."""
    sources, wanted = Sources(archive, project.folder), _target(handler)
    if sources.other_agent is not None:
        return f"{sources.other_agent}: it may take the place of the agent's own class"
    try:
        line = _hierarchy(sources, wanted)
        refuse_early_code(line)
        method = checking.protecting(line, wanted.method or "")
        is_called = method is not None and context_of(Names(sources), method) is not None
    except (Unproven, TypeVariable) as error:
        return str(error)
    if not checking.starts_first(line):
        return f"{line.top.unit.source.path}: the agent is not the first that {line.top.binary} starts"
    if method is None or not is_called or not checking.is_protecting(line, method):
        return f"{line.classes[0].unit.source.path}: {handler} does not call the agent"
    return None


def _hierarchy(sources: Sources, wanted: Target) -> Hierarchy:
    name = wanted.name.replace("/", ".")
    own = sources.by_binary_name(name)
    if own is None:
        raise Unproven(f"the class {name} is not in the project's Java sources")
    return hierarchy(Names(sources), own)


def _by_hand(line: Hierarchy, handler: str, wanted: Target) -> Rewritten:
    """What was protected as the manual says is left as it is, if it holds; raises RewriteRefused otherwise."""
    own = line.classes[0]
    name = wanted.method if wanted.method and wanted.method.startswith("protected") else _USUAL
    method = checking.protecting(line, name)
    path = own.unit.source.path
    try:
        refuse_early_code(line)
    except Unproven as error:
        raise RewriteRefused(
            f"the agent is used, but would not start first: {error.reason}", path=path
        ) from error
    if method is None or not checking.is_protecting(line, method) or not checking.starts_first(line):
        raise RewriteRefused(
            f"{own.binary} uses the agent already, but not as it has to",
            path=path,
            hint="take out what was added by hand for com.twistlock.serverless, and embed again",
        )
    skipped = Skipped(path, "java.handler", f"{own.binary}::{name} is protected already")
    return Rewritten((), f"{_class_of(handler)}::{name}", (skipped,))


def _target(handler: str) -> Target:
    wanted = target(handler)
    if wanted is None:
        raise DetectionError(
            f"{handler!r} names no Java handler",
            hint="a handler is written package.Class::method, or package.Class",
        )
    return wanted


def _class_of(handler: str) -> str:
    return handler.rpartition("::")[0] if "::" in handler else handler
