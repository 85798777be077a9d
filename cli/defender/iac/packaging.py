"""The edits that keep packaging rules from leaving the folder `twistlock/` out of a function's package.

Covers the Serverless Framework's lists, ignore files, and SAM's makefile builds. What a CDK or Terraform
program leaves out can't be told without running it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as MappingType
from typing import Any

from defender.archive.model import Member
from defender.edits.splice import Splice, apply_splices
from defender.edits.yaml import Document, Mapping, Sequence
from defender.edits.yaml_insert import add_list, append_item, plain_item, plain_list, proof
from defender.errors import RewriteRefused
from defender.iac.documents import open_service, parse_for_edit
from defender.iac.folders import is_file
from defender.iac.ignore_edits import ignore_edits
from defender.iac.model import Declared, DeclaredFunction, Readable
from defender.iac.serverless_package import PackageList, PackageRules, package_rules
from defender.plan import Edit

_COPIES_ALL = re.compile(r"\bcp\s+(-\S+\s+)*(\./?|\*|\./\*)(\s|$)|\brsync\s.*\s\./?(\s|$)|twistlock")


def packaging_edits(
    archive: Readable, task_root: str, declared: Declared, bundle: Iterable[str]
) -> tuple[Edit, ...]:
    """What must be added to packaging rules so that all of `bundle` gets into the package.

    `task_root` is a folder of the input, `bundle` the new files' names below it, such as
    `twistlock/serverless.py`. Raises RewriteRefused (path, line, hint) where rules leave it out and can't
    be extended safely.
    """
    bundle = tuple(bundle)
    functions = [one for one in declared.functions if one.task_root == task_root]
    for function in functions:
        if function.build_method == "makefile":
            _refuse_makefile(archive, function, task_root)
    _refuse_chalice(archive, task_root)
    edits: list[Edit] = []
    for path in declared.services:
        # No service packages what lies outside of its own folder.
        if f"{task_root}/".startswith(f"{posixpath.dirname(path)}/".removeprefix("/")):
            edits += _service_edits(archive, path, task_root, bundle)
    is_node = any((one.runtime or "").startswith("nodejs") for one in functions)
    return (*edits, *ignore_edits(archive, task_root, bundle, with_npm=is_node))


def _service_edits(archive: Readable, path: str, task_root: str, bundle: tuple[str, ...]) -> Iterator[Edit]:
    """The extensions of one service's lists, checked against the framework's rules afterwards."""
    folder = posixpath.relpath(task_root or ".", posixpath.dirname(path) or ".")
    pattern = posixpath.normpath(posixpath.join(folder, "twistlock")) + "/**"
    files = [posixpath.normpath(posixpath.join(folder, name)) for name in bundle]
    found = [
        rules for rules in package_rules(open_service(archive, path), task_root) if rules.leaves_out(files)
    ]
    if not found:
        return
    edits = list(_extensions(found, pattern, path))
    changed = {edit.path: apply_splices(archive.read(edit.path), edit.splices, edit.path) for edit in edits}
    for edit in edits:
        edit.prove(changed[edit.path])
    after = open_service(_Changed(archive, changed), path)
    for rules in package_rules(after, task_root):
        if rules.leaves_out(files):
            raise _refusal(rules, path)
    yield from edits


def _extensions(found: list[PackageRules], pattern: str, path: str) -> Iterator[Edit]:
    """One edit for each file that holds lists to extend."""
    documents: dict[str, Document] = {}
    splices: dict[str, list[Splice]] = {}
    added: dict[str, dict[int, tuple[Any, ...]]] = {}
    for rules in found:
        target = rules.to_extend()
        place = target.place if isinstance(target, PackageList) else target
        if place is None:
            raise _refusal(rules, path)
        document = documents.setdefault(place.document.path, place.document)
        changes = added.setdefault(document.path, {})
        if id(place.node) in changes:
            continue
        insertions = splices.setdefault(document.path, [])
        if isinstance(place.node, Sequence):
            insertions.append(append_item(document, place.node, pattern))
            changes[id(place.node)] = (plain_item(pattern),)
        elif isinstance(place.node, Mapping):
            insertions.append(add_list(document, place.node, "include", pattern))
            changes[id(place.node)] = (plain_list("include", pattern),)
    for name, document in documents.items():
        yield Edit(
            name,
            "iac.serverless.package-pattern",
            "the packaging rules would leave the folder twistlock out",
            tuple(splices[name]),
            proof(document, added[name], parse_for_edit),
        )


def _refusal(rules: PackageRules, path: str) -> RewriteRefused:
    return RewriteRefused(
        f"the packaging rules of {rules.owner} would leave the folder twistlock out",
        path=path,
        line=rules.line,
        hint="add 'twistlock/**' as the last of package.patterns, then embed again",
    )


class _Changed:
    """An archive as it will be once some files have new content."""

    def __init__(self, archive: Readable, changed: MappingType[str, bytes]) -> None:
        self._archive = archive
        self._changed = changed

    @property
    def members(self) -> MappingType[str, Member]:
        return self._archive.members

    def read(self, name: str) -> bytes:
        return self._changed[name] if name in self._changed else self._archive.read(name)


def _refuse_makefile(archive: Readable, function: DeclaredFunction, task_root: str) -> None:
    """Raise RewriteRefused unless the function's make target copies the whole folder, or names ours.

    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/building-custom-runtimes.html
    """
    path = posixpath.join(task_root, "Makefile")
    target = f"build-{function.logical_id}"
    text = archive.read(path).decode("utf-8", "replace") if is_file(archive.members, path) else ""
    found = re.search(rf"^{re.escape(target)}\s*:(.*(?:\n(?:[\t#].*)?)*)", text, re.MULTILINE)
    if found is None or not _COPIES_ALL.search(found[1]):
        line = None if found is None else text.count("\n", 0, found.start()) + 1
        raise RewriteRefused(
            f"{function.logical_id} is built by the make target {target}, which does not copy the folder "
            "twistlock into the package",
            path=path if text else function.source,
            line=line if text else function.line,
            hint='add `cp -r twistlock "$(ARTIFACTS_DIR)"` to the target, or embed the built folder',
        )


def _refuse_chalice(archive: Readable, task_root: str) -> None:
    """Raise RewriteRefused for a Chalice project: its packager takes three names and no others.

    https://aws.github.io/chalice/topics/packaging.html
    """
    path = posixpath.join(task_root, ".chalice/config.json")
    if is_file(archive.members, path):
        raise RewriteRefused(
            "Chalice packages only app.py, chalicelib and vendor, so the folder twistlock would be left out",
            path=path,
            hint="embed the deployment package that `chalice package` made",
        )
