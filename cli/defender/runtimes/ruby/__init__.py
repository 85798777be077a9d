"""Ruby on AWS Lambda: which files change so that a handler runs inside the agent."""

from __future__ import annotations

import re
from collections.abc import Sequence

from defender.archive import Archive
from defender.bundle import Agent
from defender.errors import DetectionError, RewriteRefused
from defender.plan import Plan
from defender.runtimes.model import Detection, Function
from defender.runtimes.ruby import requiring, wrapping
from defender.runtimes.ruby.candidates import candidates
from defender.runtimes.ruby.handlers import Target, resolve, target
from defender.runtimes.ruby.loading import defining_file

__all__ = ["DEFAULT_HANDLERS", "candidates", "form", "home", "locate", "plan", "shape", "unprotected"]

DEFAULT_HANDLERS = ("lambda_function.lambda_handler",)
_OLDEST = (2, 7)


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
        path = defining_file(archive, function, handler)
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
    path = defining_file(archive, function, handler)
    if not wrapping.is_wrapped(path, archive.read(path), handler):
        return f"{path}: {handler.label} is not wrapped"
    if not requiring.required_first(function.file, archive.read(function.file), function.task_root):
        return f"{function.file}: the agent is not the first thing that is required"
    return None


def _refuse_runtime(function: Function) -> None:
    version = re.fullmatch(r"ruby(\d+)\.(\d+)", function.runtime or "")
    if version and (int(version[1]), int(version[2])) < _OLDEST:
        raise RewriteRefused(
            f"{function.label} runs on {function.runtime}; the agent needs Ruby 2.7 or newer",
            hint="move the function to a newer runtime; --runtime names it where the template does not",
        )
