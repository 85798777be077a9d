"""Node.js on AWS Lambda: which files change so that a handler runs inside the agent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from defender.archive import Archive
from defender.bundle import Agent
from defender.errors import DetectionError, RewriteRefused
from defender.plan import Plan
from defender.runtimes.model import Detection, Function
from defender.runtimes.nodejs import bundling, commonjs, compiled, esm, facade, large, output, plugin, tsc
from defender.runtimes.nodejs.candidates import candidates
from defender.runtimes.nodejs.modules import Format, Module, resolve
from defender.runtimes.nodejs.package_files import include_agent
from defender.runtimes.nodejs.source import JAVASCRIPT, TSX, TYPESCRIPT
from defender.runtimes.nodejs.tsc import Compiled

__all__ = ["DEFAULT_HANDLERS", "candidates", "form", "home", "locate", "plan", "shape", "unprotected"]

DEFAULT_HANDLERS = ("index.handler",)
_OLDEST = 14


def locate(archive: Archive, task_root: str, handler: str, runtime: str | None) -> str | None:
    """The file that Node.js loads for the handler, or None when the task root has none."""
    del runtime
    module = resolve(archive, task_root, handler)
    try:
        source = plugin.find(archive, task_root, handler)
        if source is None and module is not None:
            return module.path
        source = source or tsc.find(archive, task_root, handler)
    except RewriteRefused as error:
        # It is told when the function is edited.
        return None if error.path is None else str(error.path)
    return None if source is None else source.source


def home(archive: Archive, task_root: str, file: str) -> str:
    """Always the task root: what is edited is what is deployed."""
    del archive, file
    return task_root


def form(archive: Archive, functions: Sequence[Function]) -> str:
    """Always `source`: what is edited is the text that is deployed."""
    del archive, functions
    return "source"


def plan(archive: Archive, found: Detection, agent: Agent) -> Plan:
    """Wrap every function's handler, the agent being loaded first in its file."""
    del agent  # its files are all the same here
    files: dict[str, dict[str, Module]] = {}
    sources: dict[str, dict[str, Module]] = {}
    for function in found.functions:
        _refuse_runtime(function)
        built = _compiled(archive, function)
        module = None if built is not None and not _is_there(archive, built) else _module(archive, function)
        for one in (module, None if built is None else built.emitted):
            if one is not None:
                _refuse_hidden(archive, one)
        if built is not None:
            sources.setdefault(built.source, {})[built.emitted.export] = built.emitted
        if module is not None:
            files.setdefault(module.path, {})[module.export] = module
    result = Plan()
    for modules in files.values():
        result = result.plus(_wrap(archive, list(modules.values())))
    for path, emitted in sources.items():
        result = result.plus(compiled.wrap(path, archive.read(path), list(emitted.values())))
    for root in dict.fromkeys(function.task_root for function in found.functions):
        result = result.plus(include_agent(archive, root))
    return result


def _wrap(archive: Archive, modules: list[Module]) -> Plan:
    first = modules[0]
    data = archive.read(first.path)
    if first.format is Format.COMMONJS:
        return large.wrap(data, modules) if large.is_large(data) else commonjs.wrap(data, modules)
    is_listed = large.is_large(data) and large.exported(data) >= {module.keys[0] for module in modules}
    in_place = None if is_listed else esm.wrap(data, modules, _grammar(first))
    return in_place or facade.build(archive, modules, JAVASCRIPT)


def _grammar(module: Module) -> str:
    if module.format is not Format.TYPESCRIPT:
        return JAVASCRIPT
    return TSX if module.path.endswith((".tsx", ".jsx")) else TYPESCRIPT


def shape(archive: Archive, function: Function) -> str:
    """`sync` or `async` for a CommonJS function; `callable` or `bundled` for what takes our own bundle."""
    built = _compiled(archive, function)
    if built is not None:
        return "callable"
    module = _module(archive, function)
    data = archive.read(module.path)
    if bundling.bundler(archive, module, function) is not None:
        return "bundled"
    if module.format is not Format.COMMONJS or large.is_large(data):
        return "callable"
    return commonjs.shape(data, module)


def unprotected(archive: Archive, function: Function) -> str | None:
    """What the sources lack for the handler to run inside the agent; None when nothing."""
    built = _compiled(archive, function)
    if built is not None:
        problem = compiled.problem(built.source, archive.read(built.source), built.emitted)
        if problem is not None or not _is_there(archive, built):
            return None if problem is None else f"{built.source}: {problem}"
    module = _module(archive, function)
    data = archive.read(module.path)
    if built is not None and module.format is Format.COMMONJS and output.is_protected(data, module):
        return None
    if module.format is not Format.COMMONJS:
        problem = esm.problem(data, module, _grammar(module))
    elif large.is_large(data):
        problem = large.problem(data, module)
    else:
        problem = commonjs.problem(data, module)
    return None if problem is None else f"{module.path}: {problem}"


def _compiled(archive: Archive, function: Function) -> Compiled | None:
    """The source that `tsc` makes the function's file of: a file that is there already would be written anew."""
    built = plugin.find(archive, function.task_root, function.handler)
    if built is not None:
        source = replace(built.emitted, path=built.source, format=Format.TYPESCRIPT)
        other = bundling.bundler(archive, source, function)
        if other is not None:
            raise RewriteRefused(
                f"the Serverless Framework compiles the handler, and {other} builds it too",
                path=built.source,
                hint="embed the package that is deployed",
            )
        return built
    module = resolve(archive, function.task_root, function.handler)
    if module is not None and bundling.bundler(archive, module, function) is not None:
        return None
    return tsc.find(archive, function.task_root, function.handler)


def _is_there(archive: Archive, built: Compiled) -> bool:
    return built.in_place and built.emitted.path in archive.members


def _module(archive: Archive, function: Function) -> Module:
    module = resolve(archive, function.task_root, function.handler)
    if module is None:
        raise DetectionError(f"no file for handler {function.handler!r}", path=function.task_root)
    is_typescript = module.format is Format.TYPESCRIPT
    if not is_typescript and not _mixes(archive, module):
        return module
    if bundling.bundler(archive, module, function) is not None:
        return module if is_typescript else replace(module, format=Format.ESM)
    if is_typescript:
        raise RewriteRefused(
            "the handler is TypeScript source, and nothing in the project shows what builds it",
            path=module.path,
            hint="embed the built package: the output of tsc, or of a bundler",
        )
    return module


def _mixes(archive: Archive, module: Module) -> bool:
    """Whether a file that Node.js itself would load as CommonJS is written as an ES module."""
    data = archive.read(module.path)
    return module.format is Format.COMMONJS and not large.is_large(data) and large.is_written_as_esm(data)


def _refuse_hidden(archive: Archive, module: Module) -> None:
    hiding = next((name for name in module.hiding if name in archive.members), None)
    if hiding is not None:
        raise RewriteRefused(
            "require('./twistlock') would load this file and not the agent",
            path=hiding,
            hint="rename the file",
        )


def _refuse_runtime(function: Function) -> None:
    version = re.fullmatch(r"nodejs(\d+)(?:\.x|\.\d+)?", function.runtime or "")
    if version and int(version[1]) < _OLDEST:
        raise RewriteRefused(
            f"{function.label} runs on {function.runtime}; the agent needs Node.js {_OLDEST} or newer",
            hint="move the function to a newer runtime",
        )
