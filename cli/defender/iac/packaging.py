"""The edits that keep packaging rules from leaving the folder `twistlock/` out of a function's package.

Covers the Serverless Framework's lists, ignore files, and SAM's makefile builds. What a CDK or Terraform
program leaves out can't be told without running it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as MappingType
from dataclasses import dataclass
from typing import Any

from defender.archive.model import Member
from defender.edits.splice import Splice, apply_splices
from defender.edits.yaml import Mapping, Sequence
from defender.edits.yaml_insert import add_list, append_items, plain_item, plain_list, proof
from defender.errors import RewriteRefused
from defender.iac.documents import open_service, parse_for_edit
from defender.iac.folders import is_file
from defender.iac.ignore_edits import ignore_edits
from defender.iac.model import Declared, DeclaredFunction, Readable
from defender.iac.serverless_package import PackageRules, package_rules
from defender.iac.variables import Place
from defender.plan import Edit

_COPIES_ALL = re.compile(r"\bcp\s+(-\S+\s+)*(\./?|\*|\./\*)(\s|$)|\brsync\s.*\s\./?(\s|$)|twistlock")


def packaging_edits(
    archive: Readable, bundles: MappingType[str, Iterable[str]], declared: Declared
) -> tuple[Edit, ...]:
    """What must be added to packaging rules so that every bundle gets into its package.

    `bundles` has, by task root (a folder of the input), the new files' names below it, such as
    `twistlock/serverless.py`. Raises RewriteRefused (path, line, hint) where rules leave one out and can't
    be extended safely.
    """
    wanted = {root: tuple(names) for root, names in bundles.items()}
    for function in declared.functions:
        if function.build_method == "makefile" and function.task_root in wanted:
            _refuse_makefile(archive, function, function.task_root)
    for root in wanted:
        _refuse_chalice(archive, root)
    edits: list[Edit] = []
    for path in declared.services:
        edits += _service_edits(archive, path, wanted)
    nodejs = {one.task_root for one in declared.functions if (one.runtime or "").startswith("nodejs")}
    return (*edits, *ignore_edits(archive, wanted, nodejs))


@dataclass(frozen=True, slots=True)
class _Package:
    """Rules, and what has to come through them: file names and a pattern relative to the service."""

    rules: PackageRules
    files: tuple[str, ...]
    pattern: str

    @property
    def is_lacking(self) -> bool:
        return self.rules.leaves_out(self.files)


def _packages(archive: Readable, path: str, bundles: MappingType[str, tuple[str, ...]]) -> Iterator[_Package]:
    """All packages of one service that hold a bundle."""
    folder = posixpath.dirname(path)
    # No service packages what lies outside of its own folder.
    roots = [root for root in bundles if not folder or f"{root}/".startswith(f"{folder}/")]
    if not roots:
        return
    service = open_service(archive, path)
    for root in roots:
        below = posixpath.relpath(root or ".", folder or ".")
        files = tuple(posixpath.normpath(posixpath.join(below, name)) for name in bundles[root])
        pattern = posixpath.normpath(posixpath.join(below, "twistlock")) + "/**"
        for rules in package_rules(service, root):
            yield _Package(rules, files, pattern)


def _service_edits(
    archive: Readable, path: str, bundles: MappingType[str, tuple[str, ...]]
) -> Iterator[Edit]:
    """The extensions of one service's lists, checked against the framework's rules afterwards."""
    lacking = [package for package in _packages(archive, path, bundles) if package.is_lacking]
    edits = list(_extensions(lacking, path))
    changed = {edit.path: apply_splices(archive.read(edit.path), edit.splices, edit.path) for edit in edits}
    for edit in edits:
        edit.prove(changed[edit.path])
    if edits:
        for package in _packages(_Changed(archive, changed), path, bundles):
            if package.is_lacking:
                raise _refusal(package.rules, path)
    yield from edits


def _extensions(lacking: list[_Package], path: str) -> Iterator[Edit]:
    """One edit for each file that holds lists to extend."""
    targets: dict[int, tuple[Place, tuple[str, ...], list[str]]] = {}
    for package in lacking:
        target = package.rules.to_extend()
        if target is None:
            raise _refusal(package.rules, path)
        patterns = targets.setdefault(id(target[0].node), (*target, []))[2]
        if not any(one.startswith(package.pattern) for one in patterns):
            # The framework keeps the first of two equal texts, which must not be the one that a later `!**` undoes.
            patterns.append(package.pattern + "/*" * package.rules.names_all)
    documents = {place.document.path: place.document for place, _, _ in targets.values()}
    for name, document in documents.items():
        mine = [target for target in targets.values() if target[0].document is document]
        yield Edit(
            name,
            "iac.serverless.package-pattern",
            "the packaging rules would leave the folder twistlock out",
            tuple(_insertion(*target) for target in mine),
            proof(document, dict(_prediction(*target) for target in mine), parse_for_edit),
        )


def _insertion(place: Place, keys: tuple[str, ...], patterns: list[str]) -> Splice:
    if isinstance(place.node, Sequence):
        return append_items(place.document, place.node, patterns)
    assert isinstance(place.node, Mapping)  # PackageRules.to_extend gives nothing else
    return add_list(place.document, place.node, keys, patterns)


def _prediction(place: Place, keys: tuple[str, ...], patterns: list[str]) -> tuple[int, tuple[Any, ...]]:
    """What `_insertion` adds to the document, by the node that it is added to."""
    if isinstance(place.node, Sequence):
        return id(place.node), tuple(plain_item(pattern) for pattern in patterns)
    return id(place.node), (plain_list(keys, patterns),)


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
