"""Python on AWS Lambda: which files change so that a handler runs inside the agent."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from defender.archive import Archive
from defender.bundle import Agent
from defender.errors import DetectionError, RewriteRefused
from defender.plan import DropFile, Plan
from defender.runtimes.model import Detection, Function
from defender.runtimes.python import importing, wrapping
from defender.runtimes.python.bindings import bindings
from defender.runtimes.python.candidates import candidates
from defender.runtimes.python.modules import Module, compiled_beside, resolve
from defender.runtimes.python.source import parse

__all__ = ["DEFAULT_HANDLERS", "candidates", "form", "home", "locate", "plan", "shape", "unprotected"]

DEFAULT_HANDLERS = ("lambda_function.lambda_handler",)
_OLDEST = (3, 6)


def locate(archive: Archive, task_root: str, handler: str, runtime: str | None) -> str | None:
    """The file that Python imports for the handler, or None when the task root has none."""
    module = resolve(archive, task_root, handler, runtime)
    return None if module is None else module.path


def home(archive: Archive, task_root: str, file: str) -> str:
    """Always the task root: what is edited is what is deployed."""
    del archive, file
    return task_root


def form(archive: Archive, functions: Sequence[Function]) -> str:
    """Always `source`: Python is deployed as it is written."""
    del archive, functions
    return "source"


def plan(archive: Archive, found: Detection, agent: Agent) -> Plan:
    """Wrap every function's handler, and import the agent first in each package above it."""
    del agent  # its files are all the same here
    modules: dict[str, tuple[Module, list[str]]] = {}
    for function in found.functions:
        _refuse_runtime(function)
        _refuse_shadowed_agent(archive, function)
        module = _module(archive, function)
        modules.setdefault(module.path, (module, []))[1].append(module.function)
    result = Plan()
    for path, (module, handlers) in modules.items():
        for package in module.packages[:1]:
            result = result.plus(importing.import_first(package, archive.read(package)))
        result = result.plus(wrapping.wrap(path, archive.read(path), module.dotted, handlers))
    return result.plus(_without_bytecode(archive, result))


def shape(archive: Archive, function: Function) -> str:
    """`sync` or `async` for a handler bound by one def; `callable` for any other binding."""
    module = _module(archive, function)
    bound = bindings(parse(module.path, archive.read(module.path)), module.function)
    definition = bound[0].function if len(bound) == 1 else None
    if definition is None:
        return "callable"
    return "async" if any(child.type == "async" for child in definition.children) else "sync"


def unprotected(archive: Archive, function: Function) -> str | None:
    """What the sources lack for the handler to run inside the agent; None when nothing."""
    module = _module(archive, function)
    data = archive.read(module.path)
    result = wrapping.check(module.path, data, module.dotted, module.function)
    if not result.wrapped:
        return f"{module.path}: {module.function} is not wrapped"
    first = (module.packages[:1] or (module.path,))[0]
    for path in dict.fromkeys((first, module.path)):
        if not importing.imported_first(path, archive.read(path)):
            return f"{path}: the agent is not the first thing that is imported"
    return None


def _module(archive: Archive, function: Function) -> Module:
    module = resolve(archive, function.task_root, function.handler, function.runtime)
    if module is None:
        raise DetectionError(f"no file for handler {function.handler!r}", path=function.task_root)
    return module


def _refuse_runtime(function: Function) -> None:
    version = re.fullmatch(r"python(\d+)\.(\d+)", function.runtime or "")
    if version and (int(version[1]), int(version[2])) < _OLDEST:
        raise RewriteRefused(
            f"{function.label} runs on {function.runtime}; the agent needs Python 3.6 or newer",
            hint="move the function to a newer runtime",
        )


def _refuse_shadowed_agent(archive: Archive, function: Function) -> None:
    """`import twistlock` has to find the agent and nothing else of that name."""
    base = posixpath.join(function.task_root, "twistlock")
    for member in archive.members:
        if member.startswith(base + ".") and member.endswith((".py", ".so", ".pyc", ".pyd")):
            raise RewriteRefused(
                "the function has a module named twistlock, which the agent's folder would hide",
                path=member,
                hint="rename the module",
            )


def _without_bytecode(archive: Archive, result: Plan) -> Plan:
    dropped = tuple(
        DropFile(member, "python.drop-bytecode", "it was compiled from the source before this edit")
        for path in result.edited_paths
        for member in compiled_beside(archive, path)
    )
    return Plan(dropped=dropped)
