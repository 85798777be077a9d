"""The files that get injected, ours or a customer's, and what they can do.

Ours says in `bundle.json` what it can do; a customer's is known by its content. Where a plan needs what
the bundle lacks, the run is refused here, before anything is written.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

import msgspec

from defender.archive import AddRaw, Archive, Kind, open_archive, raw_members
from defender.errors import PackageError, RewriteRefused
from defender.manifest import FOLDER, sha256
from defender.plan import AddFile, AddMember, DropFile, Plan, Skipped
from defender.resources import bundle_path, template
from defender.runtimes.model import Function

DESCRIPTION = f"{FOLDER}/bundle.json"
# What the manual's customers download holds these, and one native library or more (prisma-facts.md).
_CUSTOMERS = {
    "python": frozenset({f"{FOLDER}/__init__.py", f"{FOLDER}/serverless.py"}),
    "nodejs": frozenset({f"{FOLDER}/index.js"}),
    "ruby": frozenset({f"{FOLDER}/twistlock.rb"}),
}
# The kinds of handlers that the manual's entry points are for.
_CUSTOMERS_SHAPES = {
    "python": ("sync", "callable"),
    "nodejs": ("sync", "async"),
    "ruby": ("sync", "callable"),
}
# Our own bundle's settings, written at embed in the shim's language.
_SETTINGS = {
    "python": f"{FOLDER}/_settings.py",
    "nodejs": f"{FOLDER}/_settings.js",
    "ruby": f"{FOLDER}/_settings.rb",
    "java": "com/twistlock/serverless/settings.properties",
}
# Folders of the package that have to be free for our files, or to hold a console's bundle; by default ours alone.
_PLACES = {("java", "built"): (FOLDER, "com/twistlock/serverless")}
# Projects that are built before they are deployed get the agent as a package of their build tool: the module that makes
# its files out of the bundle and its settings.
_PACKAGED = {("java", "source"): "defender.runtimes.java.repository"}
_NATIVE = (".so", ".node", ".dll")


class Description(msgspec.Struct, frozen=True):
    """`bundle.json`: what our own bundle of one runtime family can do."""

    name: str
    version: str
    families: tuple[str, ...]
    shapes: tuple[str, ...]
    architectures: tuple[str, ...]
    libc: tuple[str, ...]


@dataclass(frozen=True)
class Bundle:
    """One bundle's capabilities, its files and their hashes; names begin with `twistlock/`."""

    description: Description
    is_ours: bool
    members: tuple[AddRaw, ...]
    hashes: Mapping[str, str]

    @property
    def family(self) -> str:
        """The runtime family that it is for."""
        return self.description.families[0]

    def names(self, form: str) -> tuple[str, ...]:
        """The files that lie in a package of this form as they are."""
        places = tuple(f"{place}/" for place in _places(self.family, form))
        return tuple(raw.name for raw in self.members if raw.name.startswith(places))

    @property
    def label(self) -> str:
        """Name and version, for messages and reports."""
        return f"{self.description.name} {self.description.version}"


@dataclass(frozen=True, slots=True)
class Agent:
    """The bundle that a run embeds, and what it means there that the agent can't start: `open` or `closed`."""

    bundle: Bundle
    on_failure: str

    @property
    def settings(self) -> bytes:
        """Our own bundle's settings, in the language of its shim."""
        family = self.bundle.family
        name = posixpath.basename(_SETTINGS[family]).lstrip("_")
        return template(family, f"{name}.j2", on_failure=self.on_failure).encode()


def packaged(agent: Agent, form: str) -> Mapping[str, bytes]:
    """The files of the agent as a build tool takes it, by their paths below a project; none for other forms."""
    module = _PACKAGED.get((agent.bundle.family, form))
    if module is None:
        return {}
    made: Mapping[str, bytes] = import_module(module).files(agent)
    return made


def is_packaged(family: str, form: str) -> bool:
    """Whether a build tool takes the agent, and nothing else of the folder `twistlock`, into what is deployed."""
    return (family, form) in _PACKAGED


def _places(family: str, form: str) -> tuple[str, ...]:
    return _PLACES.get((family, form), (FOLDER,))


def builtin(family: str) -> Bundle:
    """Our own bundle for a runtime family."""
    path = bundle_path(family)
    with open_archive(path) as archive:
        description = msgspec.json.decode(archive.read(DESCRIPTION), type=Description)
        return Bundle(description, True, *_contents(archive))


def customers(path: Path, family: str) -> Bundle:
    """The bundle that a customer downloaded from a console.

    Raises PackageError when the file is not such a bundle, or one for another runtime.
    """
    if family not in _CUSTOMERS:
        raise RewriteRefused(
            f"a console's {family} bundle can't be embedded: it has no entry point for built packages, and a "
            "project's build would need more than defender adds to it",
            path=path,
            hint="embed the built-in bundle",
        )
    with open_archive(path) as archive:
        if not _is_customers(archive.members, "", family):
            raise PackageError(
                f"this is no {family} bundle of a console: it lacks {max(_CUSTOMERS[family])} or a native library",
                path=path,
                hint="download the Serverless Defender bundle for this runtime, and pass the ZIP as it is",
            )
        members, hashes = _contents(archive)
    version = sha256("".join(sorted(hashes.values())).encode())[:12]
    description = Description(
        name="customer's bundle",
        version=version,
        families=(family,),
        shapes=_CUSTOMERS_SHAPES[family],
        architectures=("x86_64",),
        libc=("glibc",),
    )
    return Bundle(description, False, members, hashes)


def _contents(archive: Archive) -> tuple[tuple[AddRaw, ...], Mapping[str, str]]:
    places = tuple(f"{place}/" for each in ((FOLDER,), *_PLACES.values()) for place in each)
    names = [
        name
        for name, member in archive.members.items()
        if name.startswith(places) and member.kind is Kind.FILE
    ]
    return raw_members(archive, names), {name: sha256(archive.read(name)) for name in names}


def _is_customers(members: Iterable[str], task_root: str, family: str) -> bool:
    prefix = posixpath.join(task_root, "")
    names = {member.removeprefix(prefix) for member in members if member.startswith(prefix)}
    native = any(name.startswith(f"{FOLDER}/") and name.endswith(_NATIVE) for name in names)
    return family in _CUSTOMERS and _CUSTOMERS[family] <= names and DESCRIPTION not in names and native


def install(archive: Archive, agent: Agent, form: str, task_root: str, *, replace_bundle: bool) -> Plan:
    """The bundle's files below one task root, with the settings file that says what a failure means.

    Raises RewriteRefused when the folder is there and not ours to replace.
    """
    bundle, family = agent.bundle, agent.bundle.family
    folders = [posixpath.join(task_root, place) for place in _places(family, form)]
    inside = tuple(f"{folder}/" for folder in folders)
    there = [name for name in archive.members if name in folders or name.startswith(inside)]
    dropped: tuple[DropFile, ...] = ()
    if there and _is_customers(archive.members, task_root, family):
        if _is_same(archive, bundle, form, task_root):
            return Plan(
                skipped=(Skipped(posixpath.join(task_root, FOLDER), "bundle.add", "is there already"),)
            )
        dropped = _replaced(archive, there, replace_bundle)
    elif there:
        raise RewriteRefused(
            "the package has a folder of the agent's name that is neither ours nor a console's bundle",
            path=there[0],
            hint="rename the folder, or take it out of the package",
        )
    names = frozenset(bundle.names(form))
    placed = tuple(
        AddMember(
            replace(raw, name=posixpath.join(task_root, raw.name)), "bundle.add", f"part of {bundle.label}"
        )
        for raw in bundle.members
        if raw.name in names
    )
    if not bundle.is_ours:
        return Plan(added=placed, dropped=dropped)
    if is_packaged(family, form):
        made = packaged(agent, form).items()
        files = [
            AddFile(posixpath.join(task_root, name), data, "bundle.add", f"part of {bundle.label}")
            for name, data in made
        ]
        return Plan(added=(*placed, *files), dropped=dropped)
    settings = AddFile(
        posixpath.join(task_root, _SETTINGS[family]),
        agent.settings,
        "bundle.settings",
        f"what happens when the agent can't start: {agent.on_failure}",
    )
    return Plan(added=(*placed, settings), dropped=dropped)


def _is_same(archive: Archive, bundle: Bundle, form: str, task_root: str) -> bool:
    """Whether the very files of the bundle lie there already."""
    return not bundle.is_ours and not missing_or_changed(archive, bundle, form, task_root)


def _replaced(archive: Archive, there: list[str], replace_bundle: bool) -> tuple[DropFile, ...]:
    """The files of another bundle, which go only if that was asked for."""
    if not replace_bundle:
        raise RewriteRefused(
            "the package carries a console's bundle already, another one than is to be embedded",
            path=there[0],
            hint="--replace-bundle replaces it; --bundle embeds the same again",
        )
    return tuple(
        DropFile(name, "bundle.replace", "part of the bundle that is replaced")
        for name in there
        if archive.members[name].kind is Kind.FILE
    )


def refuse_incapable(
    bundle: Bundle, family: str, functions: Iterable[Function], shape: Callable[[Function], str]
) -> None:
    """Raise RewriteRefused where the bundle can't run on what a function is deployed to."""
    if family not in bundle.description.families:
        raise RewriteRefused(f"{bundle.label} has nothing for {family}")
    names = {"arm64": "aarch64", "x86_64": "x86_64"}
    for function in functions:
        # Our own serves every shape, so the source need not be looked at here.
        kind = None if bundle.is_ours else shape(function)
        if kind is not None and kind not in bundle.description.shapes:
            raise RewriteRefused(
                f"{bundle.label} has no entry point for a handler that is {kind}",
                path=function.file,
                hint="embed the built-in bundle, which has one",
            )
        for architecture in function.architectures:
            if names.get(architecture, architecture) not in bundle.description.architectures:
                raise RewriteRefused(
                    f"{function.label} runs on {architecture}, for which {bundle.label} has no library",
                    hint="embed the built-in bundle, which has one" if not bundle.is_ours else None,
                )


def missing_or_changed(archive: Archive, bundle: Bundle, form: str, task_root: str) -> tuple[str, ...]:
    """The bundle's files that a package of this form lacks, or has with other content."""
    wrong = []
    for name in bundle.names(form):
        path = posixpath.join(task_root, name)
        if path not in archive.members:
            wrong += [] if is_dispensable(path) else [path]
        elif sha256(archive.read(path)) != bundle.hashes[name]:
            wrong.append(path)
    if bundle.is_ours and is_packaged(bundle.family, form):
        # Which of the two settings it was embedded with, the package alone tells.
        agents = (Agent(bundle, on_failure) for on_failure in ("open", "closed"))
        missing = [_not_there(archive, packaged(agent, form), task_root) for agent in agents]
        fewest = min(missing, key=len)
        wrong += fewest
    return tuple(wrong)


def _not_there(archive: Archive, files: Mapping[str, bytes], task_root: str) -> list[str]:
    paths = {posixpath.join(task_root, name): data for name, data in files.items()}
    return [path for path, data in paths.items() if path not in archive.members or archive.read(path) != data]


def is_dispensable(path: str) -> bool:
    """Whether the file serves version control alone: `sam build` and others leave it out of packages."""
    return posixpath.basename(path) == ".gitignore"
