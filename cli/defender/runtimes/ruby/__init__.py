"""Ruby on AWS Lambda: which files change so that a handler runs inside the agent."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from defender.archive import Archive
from defender.bundle import Agent
from defender.errors import DetectionError, RewriteRefused
from defender.plan import Plan
from defender.runtimes.model import Detection, Function
from defender.runtimes.ruby import requiring, wrapping
from defender.runtimes.ruby.bindings import bindings
from defender.runtimes.ruby.candidates import candidates
from defender.runtimes.ruby.handlers import Target, is_file, resolve, target
from defender.runtimes.ruby.rebinding import refuse_rebinding_from_outside
from defender.runtimes.ruby.source import parse, refuse

__all__ = ["DEFAULT_HANDLERS", "candidates", "form", "home", "locate", "plan", "shape", "unprotected"]

DEFAULT_HANDLERS = ("lambda_function.lambda_handler",)
_OLDEST = (2, 7)
_MOST_FILES = 1000


def locate(archive: Archive, task_root: str, handler: str, runtime: str | None) -> str | None:
    """The file that `require` finds for the handler, or None when the task root has none."""
    del runtime
    return resolve(archive, task_root, handler)


def home(archive: Archive, task_root: str, file: str) -> str:
    """Always the task root: what is edited is what is deployed."""
    del archive, file
    return task_root


def form(archive: Archive, functions: Sequence[Function]) -> str:
    """Always `source`: Ruby is deployed as it is written."""
    del archive, functions
    return "source"


def plan(archive: Archive, found: Detection, agent: Agent) -> Plan:
    """Require the agent first in every handler's file, and wrap the method where it is defined."""
    del agent  # its files are all the same here
    result = Plan()
    wanted: dict[str, list[Target]] = {}
    for function in found.functions:
        _refuse_runtime(function)
        handler = target(function.handler)
        path = _defining_file(archive, function, handler)
        for file in dict.fromkeys((function.file, path)):
            result = result.plus(requiring.require_first(file, archive.read(file), function.task_root))
        wanted.setdefault(path, []).append(handler)
    for path, targets in wanted.items():
        result = result.plus(wrapping.wrap(path, archive.read(path), targets))
    return result


def shape(archive: Archive, function: Function) -> str:
    """`sync` for every method: Ruby has no other kind that Lambda calls."""
    del archive, function
    return "sync"


def unprotected(archive: Archive, function: Function) -> str | None:
    """What the sources lack for the handler to run inside the agent; None when nothing."""
    if resolve(archive, function.task_root, function.handler) is None:
        raise DetectionError(
            f"no file for handler {function.handler!r}",
            path=function.task_root,
            hint="the file named before the first dot has to lie in this folder, with the ending .rb",
        )
    handler = target(function.handler)
    path = _defining_file(archive, function, handler)
    if not wrapping.is_wrapped(path, archive.read(path), handler):
        return f"{path}: {handler.label} is not wrapped"
    if not requiring.required_first(function.file, archive.read(function.file), function.task_root):
        return f"{function.file}: the agent is not the first thing that is required"
    return None


def _defining_file(archive: Archive, function: Function, handler: Target) -> str:
    """The file that defines the method: the handler's own, else the first one that it requires.

    Raises RewriteRefused where a file that is required would define the method anew or change it, DetectionError
    where no file defines it.
    """
    own = parse(function.file, archive.read(function.file))
    found = bindings(own, handler)
    reached = _reached(archive, function, function.file)
    for path in reached:
        refuse_rebinding_from_outside(parse(path, archive.read(path)), handler)
    if found:
        first = min(one.node.start_byte for one in found)
        for call, path in requiring.required(archive, own, function.task_root):
            others = [path, *_reached(archive, function, path)] if call.start_byte > first else []
            for other in (one for one in others if one != function.file):
                if bindings(parse(other, archive.read(other)), handler):
                    why = f"{other}, which is loaded later, defines {handler.label!r} anew"
                    raise refuse(
                        own, call, why, "load it before the definition, or take the handler out of it"
                    )
        return function.file
    possible = [*reached, *_named_by_constant(archive, function, handler, reached)]
    defining = [path for path in possible if bindings(parse(path, archive.read(path)), handler)]
    if not defining:
        raise wrapping.missing(own, handler)
    if len(defining) > 1:
        raise RewriteRefused(
            f"{handler.label!r} is defined in several files that {function.file} loads: {', '.join(defining)}",
            path=defining[-1],
            hint="define it in the handler's own file",
        )
    return defining[0]


def _named_by_constant(
    archive: Archive, function: Function, handler: Target, reached: list[str]
) -> list[str]:
    """Where a loader that goes by a constant's name (Zeitwerk) finds the handler's: `Shop::Line` in shop/line.rb."""
    words = [
        re.sub(r"(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", one).lower()
        for one in handler.constant
    ]
    sources = [parse(path, archive.read(path)) for path in (function.file, *reached)]
    folders = [folder for source in sources for folder in requiring.trees(source, function.task_root)]
    found = [posixpath.normpath(posixpath.join(folder, *words) + ".rb") for folder in folders if words]
    return [path for path in dict.fromkeys(found) if path not in reached and is_file(archive, path)]


def _reached(archive: Archive, function: Function, path: str) -> list[str]:
    """The package's files that a file loads, directly and through others, in no certain order."""
    reached: list[str] = []
    waiting = [path]
    while waiting and len(reached) < _MOST_FILES:
        current = waiting.pop(0)
        source = parse(current, archive.read(current))
        for _, other in requiring.required(archive, source, function.task_root):
            agents = posixpath.join(function.task_root, "twistlock") + "/"
            if other not in reached and other != path and not other.startswith(agents):
                reached.append(other)
                waiting.append(other)
    return reached


def _refuse_runtime(function: Function) -> None:
    version = re.fullmatch(r"ruby(\d+)\.(\d+)", function.runtime or "")
    if version and (int(version[1]), int(version[2])) < _OLDEST:
        raise RewriteRefused(
            f"{function.label} runs on {function.runtime}; the agent needs Ruby 2.7 or newer",
            hint="move the function to a newer runtime; --runtime names it where the template does not",
        )
