"""TypeScript that the compiler alone builds: which source a handler's file is made of, and as which kind of module.

The handler names the compiler's output. Where the project's own files do not show how that comes about, it is refused.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from defender.archive import Archive, Kind
from defender.errors import DetectionError, RewriteRefused
from defender.iac.documents import open_service
from defender.runtimes.nodejs import scripts, tsconfig
from defender.runtimes.nodejs.modules import Format, Module, is_type_module, split_handler
from defender.runtimes.nodejs.tsconfig import Project

# The endings of sources, and what the compiler makes of them.
_ENDINGS = {".ts": ".js", ".mts": ".mjs", ".cts": ".cjs"}
_BY_FILE = frozenset({"node16", "node18", "node20", "nodenext"})
_ES = frozenset({"es2015", "es6", "es2020", "es2022", "esnext"})
# Options with which the output is not what this module expects, or the compiler would take in the agent's files.
_UNSUPPORTED = ("outfile", "out", "importhelpers", "composite")
# With one of these the compiler only checks, and somebody else builds.
CHECKS = ("noemit", "emitdeclarationonly")
_SERVERLESS = ("serverless.yml", "serverless.yaml", "serverless.json", "serverless.js", "serverless.ts")


@dataclass(frozen=True)
class Compiled:
    """A source, and the module that the compiler makes of it.

    `in_place`: the output lies in the package where the module's path says.
    """

    source: str
    emitted: Module
    in_place: bool = True


def find(archive: Archive, task_root: str, handler: str) -> Compiled | None:
    """The source of the file that the platform will load; None where no script runs the compiler, or no source fits.

    Raises RewriteRefused where a script does, and the configuration leaves open what comes of it.
    """
    folder, name, export = split_handler(handler)
    base = posixpath.normpath(posixpath.join(task_root, folder, name))
    if not archive.is_folder or not _may_be_source(archive, posixpath.basename(base)):
        return None
    path = scripts.configuration(archive, posixpath.dirname(base))
    if path is None:
        return None
    project = tsconfig.read(archive, path)
    found = [one for one in _sources(archive, project, base) if project.takes(one)]
    if not found or any(project.options.get(name) for name in CHECKS):
        return None
    if len(found) > 1:
        raise _refusal(path, f"{handler} may be made of {' or '.join(found)}", "set `rootDir`")
    refuse_options(project)
    _refuse_folders(project, task_root)
    if not project.options.get("outdir"):
        _refuse_bundled_unasked(archive, task_root)
    emitted = base + _ENDINGS[posixpath.splitext(found[0])[1]]
    form = kind_of_module(archive, project, found[0], emitted)
    if form is Format.ESM and project.options.get("isolateddeclarations"):
        raise _refusal(path, "`isolatedDeclarations` refuses calls in what is exported")
    refuse_agents_files(project, task_root, form)
    return Compiled(found[0], Module(emitted, form, export, task_root))


def _may_be_source(archive: Archive, stem: str) -> bool:
    wanted = {stem + ending for ending in _ENDINGS}
    return any(
        name.rpartition("/")[2] in wanted and "node_modules" not in name.split("/")
        for name in archive.members
    )


def _sources(archive: Archive, project: Project, base: str) -> list[str]:
    """The files that may become `base`: by `rootDir`, or, where the compiler finds that out itself, by their ends."""
    out, root = project.options.get("outdir"), project.options.get("rootdir")
    if out is None:
        return [base + ending for ending in _ENDINGS if _is_file(archive, base + ending)]
    below = posixpath.relpath(base, out or ".")
    if below.startswith(".."):
        return []
    if root is not None:
        stems = [posixpath.normpath(posixpath.join(root, below))]
        return [stem + ending for stem in stems for ending in _ENDINGS if _is_file(archive, stem + ending)]
    return [
        name
        for name in archive.members
        for stem, ending in [posixpath.splitext(name)]
        if ending in _ENDINGS
        and (stem == below or stem.endswith(f"/{below}"))
        and not stem.endswith(".d")
        and "node_modules" not in name.split("/")
        and (not project.folder or name.startswith(f"{project.folder}/"))
        and _is_file(archive, name)
    ]


def refuse_options(project: Project) -> None:
    """Raise RewriteRefused for options with which the compiler writes something else than a module for a source."""
    options, path = project.options, project.path
    for name in _UNSUPPORTED:
        if options.get(name):
            raise _refusal(path, f"its configuration has the option {name}")
    if project.has_references:
        raise _refusal(path, "its configuration has references to other projects")
    plugins = options.get("plugins")
    if isinstance(plugins, list) and any(isinstance(one, dict) and "transform" in one for one in plugins):
        raise _refusal(path, "plugins change what the compiler writes")


def _refuse_folders(project: Project, task_root: str) -> None:
    path, out = project.path, project.options.get("outdir")
    if out and (task_root == out or task_root.startswith(f"{out}/")):
        raise _refusal(path, f"the build may empty the folder {out}, to which the agent belongs")
    if out == "..":
        raise _refusal(path, "the output is outside of the package")


def _refuse_bundled_unasked(archive: Archive, task_root: str) -> None:
    """Version 4 of the Serverless Framework bundles TypeScript files that handlers name, whatever `tsc` has made."""
    folder = task_root
    while True:
        for name in _SERVERLESS:
            path = posixpath.join(folder, name)
            if path in archive.members and not _is_left_alone(archive, path):
                raise _refusal(
                    path,
                    "the Serverless Framework may bundle it",
                    'say `frameworkVersion: "3"`, or let tsc write to an `outDir` and name its output as the handler',
                )
        if not folder:
            return
        folder = posixpath.dirname(folder)


def _is_left_alone(archive: Archive, path: str) -> bool:
    """Whether a service's file says that the framework takes files as they are."""
    if path.endswith((".js", ".ts")) or not _is_file(archive, path):
        return False
    try:
        return open_service(archive, path).bundles_nothing
    except DetectionError:
        return False


def kind_of_module(archive: Archive, project: Project, source: str, emitted: str) -> Format:
    """The kind of module that the compiler writes; raises RewriteRefused where Node.js takes the file for another."""
    module = str(project.options.get("module", "")).lower()
    ending = posixpath.splitext(source)[1]
    if module in _BY_FILE:
        if ending != ".ts":
            return Format.ESM if ending == ".mts" else Format.COMMONJS
        is_module = is_type_module(archive, source)
    elif ending != ".ts" or module not in {"commonjs", *_ES}:
        said = f"`module` is {module!r}" if module else "`module` is not set"
        raise _refusal(project.path, f"{said}: what the compiler makes of {source} depends on its version")
    else:
        is_module = module in _ES
    if is_type_module(archive, emitted) != is_module:
        written = "an ES module" if is_module else "CommonJS"
        raise _refusal(
            project.path,
            f"the compiler writes {written}, and package.json has {emitted} loaded as the other kind",
        )
    return Format.ESM if is_module else Format.COMMONJS


def refuse_agents_files(project: Project, task_root: str, form: Format) -> None:
    """Raise RewriteRefused where the compiler would take in the agent, which may move all that it writes."""
    agent = posixpath.join(task_root, "twistlock")
    takes_scripts = project.options.get("allowjs", project.options.get("checkjs"))
    if takes_scripts and (form is Format.ESM or project.takes(f"{agent}/index.js")):
        hint = (
            None
            if form is Format.ESM
            else f'add "{posixpath.relpath(agent, project.folder or ".")}" to `exclude`'
        )
        raise _refusal(
            project.path, "with `allowJs` the compiler would take the agent's files for the project's", hint
        )
    named = (*project.lists.get("include", ()), *project.lists.get("files", ()))
    if any(one.endswith(".json") for one in named) and project.takes(f"{agent}/package.json"):
        raise _refusal(project.path, "`include` would take the agent's package.json for the project's")


def _is_file(archive: Archive, name: str) -> bool:
    member = archive.members.get(name)
    return member is not None and member.kind is Kind.FILE


def _refusal(path: str, why: str, hint: str | None = None) -> RewriteRefused:
    return RewriteRefused(
        f"the handler is TypeScript source, and {why}",
        path=path,
        hint=hint or "embed the built package: the output of tsc, or of a bundler",
    )
