"""`verify`: holds a package against what it says of itself, offline.

The manifest says where to look; what counts is found again: the wrapping in the source, the bundle's
files by their hashes, the policy by decoding it. Nothing of the package is run.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from defender import bundle as bundles
from defender import manifest as manifests
from defender import policy as policies
from defender.archive import Archive, absolute
from defender.errors import DefenderError, PolicyError, VerificationFailed
from defender.manifest import FOLDER, Manifest, ProtectedFunction
from defender.protection import BAKED
from defender.runtimes import REGISTRY, runtime
from defender.runtimes.model import Function


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `problem` is None when it is as it should be."""

    path: str
    checked: str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Verified:
    """All findings, and the functions that the package names."""

    findings: tuple[Finding, ...]
    functions: tuple[Function, ...]

    @property
    def problems(self) -> tuple[Finding, ...]:
        """What is not as it should be."""
        return tuple(finding for finding in self.findings if finding.problem)


def verify(archive: Archive, tw_policy: str | None, customers_bundle: Path | None = None) -> Verified:
    """Look at manifests, hashes, wrappings, bundles and policy of a package.

    Raises VerificationFailed when the package was never embedded. `tw_policy` is the string that the
    function has in its environment; None leaves only a baked policy to look at. A bundle that a console
    made can be compared only with itself, `customers_bundle`.
    """
    roots = manifests.task_roots(archive)
    if not roots:
        raise VerificationFailed(
            f"the package was not embedded by defender: it has no {manifests.NAME}",
            path=archive.source,
            hint="defender embed protects it",
        )
    findings: list[Finding] = []
    functions: list[Function] = []
    for root in roots:
        try:
            manifest = manifests.read(archive, root)
        except DefenderError as error:
            findings.append(Finding(posixpath.join(root, manifests.NAME), "manifest", error.message))
            continue
        named = [_function(one, root) for one in manifest.functions]
        functions += named
        findings += _files(archive, manifest, root)
        findings += _bundle(archive, manifest, root, named, customers_bundle)
        findings += _wrappings(archive, manifest, named)
        if customers_bundle is None:  # what a console writes, only its own bundle can read
            findings += _policies(archive, manifest.functions, root, tw_policy)
    return Verified(tuple(findings), tuple(functions))


def _function(one: ProtectedFunction, root: str) -> Function:
    return Function(
        handler=one.handler.after,
        file=absolute(one.file, root),
        task_root=root,
        name=one.name,
        runtime=one.runtime,
    )


def _files(archive: Archive, manifest: Manifest, root: str) -> Iterator[Finding]:
    """Changed and added files by their recorded hashes."""
    wanted = [(one.path, one.after, "edited file") for one in manifest.changed]
    wanted += [(one.path, one.sha256, "added file") for one in manifest.added]
    for relative, digest, kind in wanted:
        path = absolute(relative, root)
        if path.startswith("../") or (path not in archive.members and relative.startswith("../")):
            continue  # lies outside of what was deployed
        if path not in archive.members:
            if bundles.is_dispensable(path):
                continue
            yield Finding(path, kind, "is missing")
        elif manifests.sha256(archive.read(path)) != digest:
            yield Finding(path, kind, "is not what embedding wrote")
        else:
            yield Finding(path, kind)


def _bundle(
    archive: Archive,
    manifest: Manifest,
    root: str,
    functions: list[Function],
    customers_bundle: Path | None,
) -> Iterator[Finding]:
    """The agent's files against a bundle that does not come from the package: what that says is no evidence."""
    folder = posixpath.join(root, FOLDER)
    if manifest.family not in REGISTRY:
        yield Finding(folder, "bundle", f"the manifest names an unknown runtime {manifest.family!r}")
        return
    known = bundles.builtin(manifest.family)
    if customers_bundle is not None:
        known = bundles.customers(customers_bundle, manifest.family)
    if (manifest.bundle, manifest.bundle_version) != (known.description.name, known.description.version):
        label = f"{manifest.bundle} {manifest.bundle_version}"
        problem = f"is not {known.label}: use the version of defender that embedded it, or --bundle"
        yield Finding(folder, f"bundle {label}", problem)
        return
    form = runtime(manifest.family).form(archive, functions)
    wrong = bundles.missing_or_changed(archive, known, form, root)
    for path in wrong:
        yield Finding(path, "bundle", f"is not the file of {known.label}")
    if not wrong:
        yield Finding(folder, f"bundle {known.label}")


def _wrappings(archive: Archive, manifest: Manifest, functions: list[Function]) -> Iterator[Finding]:
    if not functions:
        yield Finding(manifests.NAME, "handlers", "the manifest names no function")
    if manifest.family not in REGISTRY:
        return
    module = runtime(manifest.family)
    for function in functions:
        try:
            problem = module.unprotected(archive, function)
        except DefenderError as error:
            problem = str(error)
        yield Finding(function.file, f"handler {function.handler}", problem)


def _policies(
    archive: Archive, functions: tuple[ProtectedFunction, ...], root: str, tw_policy: str | None
) -> Iterator[Finding]:
    """The policy that the functions would run under; the string wins over a baked file, as in the core."""
    path = posixpath.join(root, FOLDER, BAKED)
    try:
        if tw_policy:
            decoded = policies.decode(tw_policy)
            path = policies.VARIABLE
            if decoded.packaged is not None:
                path = posixpath.join(root, FOLDER, decoded.packaged.file)
                data = archive.read(path) if path in archive.members else b""
                if manifests.sha256(data) != decoded.packaged.sha256:
                    raise PolicyError("is not the file that TW_POLICY names")
                decoded = policies.decode_content(data)
        elif path in archive.members:
            decoded = policies.decode_content(archive.read(path))
        else:
            yield Finding(path, "policy: none was given, and none is baked in; --tw-policy checks a string")
            return
    except PolicyError as error:
        yield Finding(path, "policy", error.message)
        return
    names = {one.name.lower() for one in functions if one.name}
    named = decoded.identity.function if decoded.identity else None
    if named and names and named.lower() not in names:
        yield Finding(path, "policy", f"was made for function {named!r}, not for {', '.join(sorted(names))}")
    elif decoded.disabled:
        yield Finding(path, "policy: enforcement is switched off")
    else:
        yield Finding(path, f"policy: rule {decoded.rule.name if decoded.rule else None!r}")
