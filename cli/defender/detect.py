"""Finds a package's runtime and functions: what the user says, else what IaC says, else the default name.

Asks the runtimes which files their platform would load. Decides nothing about how a file is changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from defender.archive import Archive
from defender.errors import DefenderError, DetectionError, PackageError, UsageError
from defender.iac import Declared, DeclaredFunction, declared_functions
from defender.runtimes import RECOGNISED, REGISTRY, family_of, runtime
from defender.runtimes.model import Detection, Function, Request

_BUILD_TOOLS = {"AWS::Serverless::Function": "sam", "AWS::Lambda::Function": "cloudformation"}
_TELLTALES = {
    "java": (".java", ".class", ".kt", ".jar"),
    "dotnet": (".cs", ".csproj", ".deps.json"),
}


def detect(archive: Archive, request: Request) -> tuple[Detection, Declared]:
    """The package's runtime and functions, and what IaC declares.

    Raises DetectionError when runtime or handler can't be told, with what was found instead;
    UsageError when the request contradicts itself; PackageError for a package without files.
    """
    if not archive.members:
        raise PackageError("the package holds no files", path=archive.source)
    declared = declared_functions(archive, strict=not request.handlers)
    wanted, warnings = _wanted(request, declared)
    family = _family(archive, request, wanted, declared)
    others = [one for one in wanted if (family_of(one.runtime) or family) != family]
    warnings += [f"{one.where}: {_label(one)} is {one.runtime}: left as it is" for one in others]
    mine = [one for one in wanted if one not in others]
    functions = [_locate(archive, family, request, one) for one in mine] or [
        _unnamed(archive, family, request, declared)
    ]
    found = Detection(
        family=family,
        identifier=_identifier(request, functions),
        cloud=request.provider or "aws",
        build=_build(mine),
        form=runtime(family).form(archive, functions),
        functions=tuple(_named(functions, request)),
        evidence=tuple(dict.fromkeys(line for one in functions for line in one.evidence)),
        warnings=(*declared.warnings, *warnings),
    )
    return found, declared


def _label(one: DeclaredFunction) -> str:
    return one.name or one.logical_id


def _wanted(request: Request, declared: Declared) -> tuple[list[DeclaredFunction], list[str]]:
    """The functions to protect as far as they are named, and notes on those that are left out."""
    if request.handlers:
        return [one for handler in request.handlers for one in _by_handler(handler, declared)], []
    wanted, warnings = [], []
    for one in declared.functions:
        reason = _left_out(one)
        if reason:
            warnings.append(f"{one.where}: {_label(one)} {reason}: not protected")
        elif one.trouble:
            raise one.trouble
        else:
            wanted.append(one)
    if not wanted and declared.errors:
        raise declared.errors[0]
    if not wanted:
        _refuse_images(declared)
        _refuse_elsewhere(declared)
    return wanted, warnings


def _refuse_images(declared: Declared) -> None:
    """Raise DetectionError where the package's functions are container images: what they hold a Dockerfile says.

    A handler that is guessed at would be another one, and the agent would not be copied into the image.
    """
    images = [one for one in declared.functions if one.is_image]
    if images:
        raise DetectionError(
            f"{_label(images[0])} is a container image: which files it holds is not said here",
            path=images[0].source,
            line=images[0].line or None,
            hint="embed the folder that its Dockerfile copies, with --handler, and copy twistlock/ into the image too",
        )


def _refuse_elsewhere(declared: Declared) -> None:
    """Raise DetectionError where all that is declared is for another cloud: a handler that is guessed at is none."""
    if declared.elsewhere:
        raise DetectionError(
            "the service is for another cloud than AWS, and no other functions are declared",
            path=declared.elsewhere[0],
            hint="--handler names a function that is deployed to AWS Lambda all the same",
        )


def _by_handler(handler: str, declared: Declared) -> list[DeclaredFunction]:
    """All declared functions with this handler, or one that is known by its handler alone."""
    known = [
        replace(one, evidence=f"--handler, and {one.evidence}")
        for one in declared.functions
        if handler in (one.handler, one.setting) and one.task_root is not None and not _left_out(one)
    ]
    named = DeclaredFunction(
        logical_id=handler,
        source="--handler",
        line=0,
        kind="command line",
        evidence=f"--handler {handler}",
        handler=handler,
        task_root="",
    )
    return known or [named]


def _left_out(one: DeclaredFunction) -> str | None:
    if one.is_image:
        return "is a container image"
    if one.is_inline:
        return "has its code inline in the template"
    if one.artifact:
        return f"is deployed from {one.artifact}: embed that archive"
    if one.task_root is None:
        return "has its code outside of this package"
    return None


def _family(archive: Archive, request: Request, wanted: list[DeclaredFunction], declared: Declared) -> str:
    """The runtime family: asked for, or declared, or the only one that can load the handlers."""
    if request.runtime:
        return _supported(request.runtime, "--runtime")
    named = {family_of(one.runtime): one for one in wanted if family_of(one.runtime)}
    usable = [family for family in named if family in REGISTRY]
    if len(usable) > 1:
        raise DetectionError(
            f"the package has functions in several languages: {', '.join(map(str, named))}",
            hint="choose one with --runtime",
        )
    if usable:
        return str(usable[0])
    unknown = [one for one in wanted if not family_of(one.runtime)]
    if named and not unknown:
        first = next(iter(named.values()))
        return _supported(first.runtime or "", first.where)
    handlers = [(one.task_root or "", one.handler or "") for one in unknown]
    able = [family for family in REGISTRY if _can_load(archive, family, handlers)]
    if len(able) == 1:
        return able[0]
    if request.handlers and not able:
        raise DetectionError(
            f"no supported runtime finds a file for {', '.join(map(repr, request.handlers))}",
            path=archive.source,
            hint="a handler is written file.function, in Ruby also file.Class.method, in Java package.Class::method; "
            "--runtime says more about it",
        )
    raise _undetermined(archive, able, declared)


def _supported(identifier: str, where: str) -> str:
    family = family_of(identifier)
    if family in REGISTRY:
        return family
    raise DetectionError(
        f"{RECOGNISED.get(family or '', repr(identifier))} is not a runtime that this version embeds",
        path=where,
        hint=f"supported: {', '.join(REGISTRY)}",
    )


def _can_load(archive: Archive, family: str, handlers: list[tuple[str, str]]) -> bool:
    """Whether the runtime finds a file for any of the handlers, or has candidates of its own."""
    module = runtime(family)
    named = handlers or [("", handler) for handler in module.DEFAULT_HANDLERS]
    for root, handler in named:
        try:
            if module.locate(archive, root, handler, None):
                return True
        except DetectionError:
            continue
        except DefenderError:
            return True  # it is this runtime's file, though one that will be refused
    return not handlers and bool(module.candidates(archive))


def _undetermined(archive: Archive, able: list[str], declared: Declared) -> DefenderError:
    if able:
        return DetectionError(f"the handler could be {' or '.join(able)}", hint="choose one with --runtime")
    for family, endings in _TELLTALES.items():
        if any(name.endswith(endings) for name in archive.members):
            return _told_by_files(archive, family)
    if declared.errors:
        return declared.errors[0]
    return DetectionError(
        "no function found: no handler file that a supported runtime would load",
        path=archive.source,
        hint="name the handler with --handler file.function",
    )


def _told_by_files(archive: Archive, family: str) -> DetectionError:
    if family in REGISTRY:
        return DetectionError(
            f"this looks like a {RECOGNISED[family]} function, and nothing says what its handler is",
            path=archive.source,
            hint=f"name it with --handler and --runtime {family}",
        )
    return DetectionError(
        f"this looks like a {RECOGNISED[family]} function, which this version does not embed",
        path=archive.source,
        hint=f"supported: {', '.join(REGISTRY)}; --handler and --runtime say so otherwise",
    )


def _locate(archive: Archive, family: str, request: Request, one: DeclaredFunction) -> Function:
    """One wanted function with the file that its handler names."""
    module = runtime(family)
    identifier = _exact(request.runtime) or one.runtime
    handler = one.handler or module.DEFAULT_HANDLERS[0]
    root = one.task_root or ""
    file = module.locate(archive, root, handler, identifier)
    if file is None:
        raise DetectionError(
            f"the handler {handler!r} names no file below {root or 'the package root'!r}",
            path=one.source,
            line=one.line or None,
            hint="--handler chooses which functions to embed",
        )
    return Function(
        handler=handler,
        file=file,
        task_root=module.home(archive, root, file),
        name=one.name,
        logical_id=one.logical_id if one.line else None,
        source=one.source if one.line else None,
        runtime=identifier,
        region=request.region or one.region,
        environment=one.environment,
        architectures=one.architectures,
        output=one.output,
        build_method=one.build_method,
        setting=one.setting if one.wrapped_by else None,
        evidence=(f"{handler}: {one.evidence}", f"{handler}: loaded from {file}"),
    )


def _unnamed(archive: Archive, family: str, request: Request, declared: Declared) -> Function:
    """The function of a package that names none: the default handler, else the only candidate."""
    module = runtime(family)
    identifier = _exact(request.runtime)
    for handler in module.DEFAULT_HANDLERS:
        file = module.locate(archive, "", handler, identifier)
        if file:
            reason = f"{handler}: the platform's default, loaded from {file}"
            return _found(archive, family, request, handler, file, reason)
    found = module.candidates(archive)
    if len(found) == 1:
        only = found[0]
        file = module.locate(archive, "", only.handler, identifier)
        if file:
            reason = f"{only.handler}: the only candidate, {only.evidence}"
            return _found(archive, family, request, only.handler, file, reason)
    names = ", ".join(one.handler for one in found) or "none"
    if declared.errors:
        raise declared.errors[0]
    raise DetectionError(
        f"the handler is not known; candidates: {names}",
        path=archive.source,
        hint="name it with --handler file.function",
    )


def _found(archive: Archive, family: str, request: Request, handler: str, file: str, reason: str) -> Function:
    """A function that nothing declares."""
    return Function(
        handler,
        file,
        task_root=runtime(family).home(archive, "", file),
        runtime=_exact(request.runtime),
        region=request.region,
        evidence=(reason,),
    )


def _exact(requested: str | None) -> str | None:
    """The identifier asked for, if it is more than a family's name."""
    return None if requested in RECOGNISED else requested


def _identifier(request: Request, functions: Iterable[Function]) -> str | None:
    identifiers = {one.runtime for one in functions}
    return _exact(request.runtime) or (identifiers.pop() if len(identifiers) == 1 else None)


def _build(wanted: list[DeclaredFunction]) -> str | None:
    """The tool that packages the functions, by what declares them."""
    kinds = (_BUILD_TOOLS.get(one.kind, one.kind) for one in wanted if one.line)
    return next(kinds, None)


def _named(functions: list[Function], request: Request) -> list[Function]:
    """The functions with the names that `--function` gives; UsageError when a name fits none or many."""
    handlers = [one.handler for one in functions]
    for handler in request.names:
        if handler is not None and handler not in handlers:
            raise UsageError(
                f"--function {handler}=...: no function of the package has this handler",
                hint=f"handlers: {', '.join(handlers)}",
            )
    if None in request.names and len(functions) > 1:
        raise UsageError(
            "--function NAME fits only a package with one function",
            hint="write --function HANDLER=NAME for each",
        )
    return [
        replace(one, name=request.names.get(one.handler, request.names.get(None, one.name)))
        for one in functions
    ]
