"""TypeScript that serverless-plugin-typescript compiles while the Serverless Framework packages it.

It compiles the handlers' files, and what tsconfig.json names, to a folder of its own as if that were the service's,
and packages that folder. https://github.com/serverless/serverless-plugin-typescript
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace

from defender.archive import Archive, Kind
from defender.errors import RewriteRefused
from defender.iac.documents import open_service
from defender.iac.serverless import Service
from defender.iac.serverless_package import COMPILING_PLUGIN
from defender.runtimes.nodejs import tsc, tsconfig
from defender.runtimes.nodejs.modules import Format, Module, resolve, split_handler
from defender.runtimes.nodejs.tsc import Compiled
from defender.runtimes.nodejs.tsconfig import Project

_NAMES = ("serverless.yml", "serverless.yaml", "serverless.json")
_BUILD = ".build"
# Its name, or a list of plugins that stands elsewhere.
_MAY_USE = re.compile(rb"plugin-typescript\b|\bplugins[\"']?\s*:\s*[\"']?\$\{")
# What the plugin compiles by where there is no configuration; `module` follows from its target, ES5.
_DEFAULTS = {"module": "commonjs", "target": "es5", "allowjs": True}


def find(archive: Archive, task_root: str, handler: str) -> Compiled | None:
    """The source of a function that the plugin compiles; None where the service does not use it.

    Raises RewriteRefused where it does, and the files leave open what comes of it.
    """
    path = _file(archive, task_root)
    if path is None:
        return None
    service = open_service(archive, path)
    if not any("plugin-typescript" in name for name in service.plugins):
        return None
    _refuse_others(service)
    folder, name, export = split_handler(handler)
    base = posixpath.normpath(posixpath.join(task_root, folder, name))
    source = f"{base}.ts"
    if "." in export or not _is_file(archive, source):
        found = resolve(archive, task_root, handler)
        if found is None:
            return None
        raise _refusal(found.path, f"{COMPILING_PLUGIN} does not make {handler} of a TypeScript file")
    _refuse_left_over(archive, task_root)
    project = _project(archive, service)
    form = tsc.kind_of_module(archive, project, source, f"{base}.js")
    if form is Format.ESM and project.options.get("isolateddeclarations"):
        raise _refusal(project.path, "`isolatedDeclarations` refuses calls in what is exported")
    tsc.refuse_agents_files(project, task_root, form)
    return Compiled(source, Module(f"{base}.js", form, export, task_root), in_place=False)


def _file(archive: Archive, folder: str) -> str | None:
    """The service's file, where it may use such a plugin: most do not, and need not be parsed."""
    if not archive.is_folder:
        return None
    paths = (posixpath.join(folder, name) for name in _NAMES)
    path = next((one for one in paths if _is_file(archive, one)), None)
    return path if path is not None and _MAY_USE.search(archive.read(path)) else None


def _refuse_others(service: Service) -> None:
    """Raise RewriteRefused for forks of the plugin, bundlers beside it, and versions that it is not made for."""
    fork = next(
        (one for one in service.plugins if "plugin-typescript" in one and one != COMPILING_PLUGIN), None
    )
    if fork is not None:
        raise _refusal(service.path, f"how {fork} does so is not known")
    if service.bundler is not None:
        raise _refusal(service.path, f"{service.bundler} builds it, too")
    if service.asks_for_4:
        raise _refusal(service.path, f"{COMPILING_PLUGIN} is made for versions 2 and 3 of the framework")


def _refuse_left_over(archive: Archive, task_root: str) -> None:
    """Raise RewriteRefused where a build that was broken off has left files: the plugin copies over none."""
    left = posixpath.join(task_root, _BUILD, "twistlock/")
    found = next((name for name in archive.members if name.startswith(left)), None)
    if found is not None:
        raise RewriteRefused(
            f"{COMPILING_PLUGIN} would package this file of an earlier build",
            path=found,
            hint=f"remove the folder {_BUILD}",
        )


def _project(archive: Archive, service: Service) -> Project:
    """The options and lists by which the plugin compiles, the folder of the output apart."""
    usual = posixpath.join(service.folder, "tsconfig.json")
    value = service.typescript_configuration
    if value.reason is not None or value.assumed:
        raise _refusal(service.path, "its configuration can't be told")
    path = posixpath.normpath(posixpath.join(service.folder, value.text or "tsconfig.json"))
    # What is compiled beside the handlers is named by the file of the usual name in any case.
    found = tsconfig.read(archive, usual) if _is_file(archive, usual) else None
    if path != usual:
        options = tsconfig.read(archive, path).options if _is_file(archive, path) else _DEFAULTS
        if found is not None and (options.get("allowjs") or options.get("checkjs")):
            raise _refusal(path, "with `allowJs` the compiler may take the agent's files for the project's")
        found = None if found is None else replace(found, options=options)
    else:
        options = _DEFAULTS if found is None else found.options
    if any(options.get(name) for name in tsc.CHECKS):
        raise _refusal(path, "its configuration has the compiler write nothing")
    tsc.refuse_options(replace(found or Project(path, options, {}, False), options=options))
    return found or Project(path, options, {"files": ()}, False)


def _is_file(archive: Archive, name: str) -> bool:
    member = archive.members.get(name)
    return member is not None and member.kind is Kind.FILE


def _refusal(path: str, why: str) -> RewriteRefused:
    return RewriteRefused(
        f"the handler is built by the Serverless Framework, and {why}",
        path=path,
        hint="embed the package that `serverless package` made",
    )
