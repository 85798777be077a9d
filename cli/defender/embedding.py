"""`embed`: from an opened package to the changes that protect it, and their writing.

Preparing touches nothing: all that can be refused is refused there, so that several inputs can be held
against each other before the first output is written.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import TracebackType

from defender import __version__
from defender import bundle as bundles
from defender import manifest as manifests
from defender import plan as plans
from defender.archive import (
    Add,
    Advance,
    Archive,
    Change,
    Drop,
    Replace,
    Target,
    open_archive,
    platform_warnings,
    relative,
    write_restored,
)
from defender.bundle import Agent, Bundle
from defender.detect import detect
from defender.edits.diff import unified_diff
from defender.errors import RewriteRefused
from defender.iac import Declared
from defender.iac.handler_edits import with_handlers
from defender.iac.handler_mentions import mentions
from defender.iac.packaging import packaging_edits
from defender.manifest import Handler, Manifest, OtherFile, ProtectedFunction
from defender.plan import AddFile, AddMember, DropFile, FileChange, Plan
from defender.protection import Choice, OnFailure, Protection, protect
from defender.removal import restored
from defender.report import ChangeReport, FunctionReport, Report
from defender.runtimes import runtime
from defender.runtimes.model import Detection, Request
from defender.runtimes.nodejs import portable


@dataclass(frozen=True)
class Options:
    """What one run of `embed` was asked for, the same for all of its inputs."""

    request: Request
    choice: Choice
    on_failure: OnFailure = "open"
    customers_bundle: Path | None = None
    replace_bundle: bool = False


class Prepared:
    """One input, planned to the end and not yet written; a context manager that closes the input."""

    def __init__(self, source: Path, options: Options) -> None:
        """Open and plan; raises any DefenderError that this input gives cause for."""
        self._stack = ExitStack()
        try:
            self.opened = self._stack.enter_context(open_archive(source))
            self.archive = self._stack.enter_context(restored(self.opened))
            self.work = _Work(self.archive, options)
            self.changes = self.work.changes()
            self.archive.prove(self.changes, lambda after: manifests.reversal(after).changes)
        except BaseException:
            self._stack.close()
            raise
        self.report = replace(self.work.report(), input=str(source))

    def __enter__(self) -> Prepared:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def write(self, target: Target, advance: Advance | None = None) -> Report:
        """Write the protected package; the report then names it."""
        write_restored(self.opened, self.archive, self.changes, target, advance)
        warnings = (*self.report.warnings, *platform_warnings(self.archive, target.path))
        return replace(self.report, output=str(target.path), warnings=warnings)


class _Work:
    """The steps from an archive to its changes; each is computed once, from the ones before."""

    def __init__(self, archive: Archive, options: Options) -> None:
        self.archive = archive
        self.options = options
        self.found, self.declared = detect(archive, options.request)
        self.agent = Agent(self._bundle(self.found), options.on_failure)
        shape = partial(runtime(self.found.family).shape, archive)
        bundles.refuse_incapable(self.bundle, self.found.family, self.found.functions, shape)
        self.rewriting = with_handlers(
            archive,
            self.found,
            self.declared,
            runtime(self.found.family).plan(archive, self.found, self.agent),
        )
        self.protections = protect(
            self.found.functions, options.request, options.choice, self.bundle, self.rewriting.settings
        )
        self.plan = self._plan(self.found, self.declared)
        self.files = plans.file_changes(archive, self.plan)
        plans.refuse_collisions(archive, self.plan)

    def _bundle(self, found: Detection) -> Bundle:
        if self.options.customers_bundle is None:
            return bundles.builtin(found.family)
        return bundles.customers(self.options.customers_bundle, found.family)

    def _plan(self, found: Detection, declared: Declared) -> Plan:
        plan = self.rewriting
        names: dict[str, list[str]] = {}
        for root in self.roots:
            bundle = bundles.install(
                self.archive, self.agent, found.form, root, replace_bundle=self.options.replace_bundle
            )
            names[root] = [posixpath.relpath(new.path, root or ".") for new in bundle.added]
            names[root] += [manifests.NAME, manifests.BACKUP]
            plan = plan.plus(bundle)
        is_python = found.family == "python"
        if found.build == "sam" and is_python and self.archive.is_folder and not self.bundle.is_ours:
            # aws-lambda-builders, PythonPipWorkflow.EXCLUDED_FILES; ours goes by another name.
            plan = plan.plus(
                Plan(warnings=("`sam build` leaves *.so files out: add the bundle's after building",))
            )
        plan = plan.plus(Plan(edits=packaging_edits(self.archive, names, declared)))
        policies = tuple(file for one in self.protections for file in one.files)
        if policies and bundles.is_packaged(found.family, found.form):
            raise RewriteRefused(
                f"the policy would lie in a file ({policies[0].why}), which the build leaves out of the package",
                path=policies[0].path,
                hint="leave out --baked-policy, shorten the policy, or embed the package that is built",
            )
        if found.family == "nodejs" and self.archive.is_folder and self.bundle.is_ours:
            folders = [posixpath.join(root, manifests.FOLDER) for root in self.roots]
            modules = [portable.module(folder, self.bundle.members, policies) for folder in folders]
            plan = plan.plus(Plan(added=tuple(modules)))
        return plan.plus(Plan(added=policies))

    @property
    def bundle(self) -> Bundle:
        """What is embedded."""
        return self.agent.bundle

    @property
    def roots(self) -> tuple[str, ...]:
        """The functions' task roots, each once."""
        return tuple(dict.fromkeys(one.task_root for one in self.found.functions))

    def changes(self) -> list[Change]:
        """All changes, the manifests among them."""
        changes: list[Change] = [Drop(drop.path) for drop in self.plan.dropped]
        changes += [Replace(change.path, change.after) for change in self.files]
        for new in self.plan.added:
            changes.append(new.raw if isinstance(new, AddMember) else Add(new.path, new.data, new.mode))
        for root in self.roots:
            changes += self._manifest(root)
        return changes

    def _manifest(self, root: str) -> Iterator[Change]:
        """One task root's manifest and backup: what lies below it, and for the first all that lies outside."""
        edited = [change for change in self.files if self._home(change.path) == root]
        dropped = [drop for drop in self.plan.dropped if self._home(drop.path) == root]
        added = [new for new in self.plan.added if self._home(new.path) == root]
        manifest = Manifest(
            format=manifests.FORMAT,
            tool=__version__,
            bundle=self.bundle.description.name,
            bundle_version=self.bundle.description.version,
            family=self.found.family,
            functions=tuple(
                ProtectedFunction(
                    handler=Handler(one.function.handler, one.handler_after),
                    file=relative(one.function.file, root),
                    name=one.function.name,
                    runtime=one.function.runtime,
                )
                for one in self.protections
                if one.function.task_root == root
            ),
            changed=tuple(manifests.changed_file(change, root) for change in edited),
            added=tuple(OtherFile(relative(new.path, root), self._hash(new)) for new in added),
            dropped=tuple(
                OtherFile(relative(drop.path, root), manifests.sha256(self.archive.read(drop.path)))
                for drop in dropped
            ),
        )
        names = [change.path for change in edited] + [drop.path for drop in dropped]
        yield Add(posixpath.join(root, manifests.NAME), manifests.to_json(manifest))
        yield Add(posixpath.join(root, manifests.BACKUP), self.archive.backup(names, root))

    def _home(self, path: str) -> str:
        """The deepest task root that holds a path, else the first."""
        holding = [root for root in self.roots if not root or path.startswith(f"{root}/")]
        return max(holding, key=len, default=self.roots[0])

    def _hash(self, new: AddFile | AddMember) -> str:
        if isinstance(new, AddFile):
            return manifests.sha256(new.data)
        root = self._home(new.path)
        return self.bundle.hashes[posixpath.relpath(new.path, root or ".")]

    def report(self) -> Report:
        """What is going to happen, as data."""
        options, found = self.options, self.found
        return Report(
            command="embed",
            input=str(self.archive.source),
            runtime=found.identifier or found.family,
            cloud=found.cloud,
            build=found.build,
            form=found.form,
            functions=tuple(map(_function_report, self.protections)),
            changes=(*_edit_reports(self.files), *_other_reports(self.plan)),
            skipped=tuple(ChangeReport(one.path, one.rule, one.reason) for one in self.plan.skipped),
            bundle=self.bundle.label,
            policy=options.choice.source,
            on_failure=options.on_failure if self.bundle.is_ours else None,
            warnings=tuple(
                dict.fromkeys(
                    (
                        *self.archive.warnings,
                        *found.warnings,
                        *self.plan.warnings,
                        *mentions(self.archive, self.rewriting.settings),
                        *(line for one in self.protections for line in one.warnings),
                    )
                )
            ),
            evidence=found.evidence,
        )


def _function_report(protection: Protection) -> FunctionReport:
    function = protection.function
    return FunctionReport(
        name=function.name,
        handler=function.handler,
        file=function.file,
        task_root=function.task_root,
        status=protection.status,
        environment=protection.environment,
        settings=_settings(protection),
        handler_after=protection.handler_after,
    )


def _settings(protection: Protection) -> tuple[str, ...]:
    """The steps that are left to whoever deploys the function, the handler last: with it the agent takes over."""
    steps = [f"set {name} in the function's environment" for name in protection.environment]
    before, setting = protection.function.handler, protection.setting
    if setting is not None and setting.made_in:
        places = ", ".join(setting.made_in)
        steps.append(f"deploy the code first, or together with the handler setting, changed in {places}")
    elif setting is not None:
        steps.append(
            f"after the new code is deployed, change the handler setting from {before} to {setting.after}"
        )
    return tuple(steps)


def _edit_reports(files: Iterable[FileChange]) -> Iterator[ChangeReport]:
    """One entry for each edit; the file's diff stands with its first."""
    for change in files:
        diff = unified_diff(change.path, change.before, change.splices)
        for edit in change.edits:
            yield ChangeReport(edit.path, edit.rule, edit.why, diff)
            diff = ""


def _other_reports(plan: Plan) -> Iterator[ChangeReport]:
    changes: tuple[AddFile | AddMember | DropFile, ...] = (*plan.added, *plan.dropped)
    for change in changes:
        yield ChangeReport(change.path, change.rule, change.why, is_drop=isinstance(change, DropFile))
