"""What the Serverless Framework's packaging rules leave out of a service's packages, and their extension.

Follows the framework's own order: all files, less `exclude`, plus `include`, then `patterns`, where the
last pattern that fits a file decides; a function's own lists count only if it is packaged individually.
https://www.serverless.com/framework/docs/providers/aws/guide/packaging and its package-service.js
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from defender.edits.wildcard import Pattern
from defender.edits.yaml import Mapping, Sequence
from defender.errors import RewriteRefused
from defender.iac.lookup import entries, get
from defender.iac.serverless import Service
from defender.iac.variables import Place

_LISTS = ("exclude", "include", "patterns")
_EXTENDED_GLOB = re.compile(r"[!@+?*]\(|\(.*\|")
# Plugins that leave out every file that no list names, whatever `exclude` says.
# https://github.com/joshuaflanagan/serverless-ruby-package
_EXCLUDING_PLUGINS = ("serverless-ruby-package",)
# Packages what it has compiled, and what the service's lists name: no other file.
COMPILING_PLUGIN = "serverless-plugin-typescript"
_MAX_BRACES = 200
_MAX_LENGTH = 1_000


@dataclass(frozen=True, slots=True)
class PackageList:
    """One of the lists, where it stands, and its patterns; None for one that can't be told."""

    key: str
    place: Place | None
    patterns: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class PackageRules:
    """The lists that decide what goes into one package, the service's before the function's.

    With `names_all` a file has to be named: without a list there is none in the package. `root` is the mapping
    that a first list can be added to.
    """

    owner: str
    line: int
    packages: tuple[Place, ...]
    lists: tuple[PackageList, ...]
    names_all: bool = False
    root: Place | None = None

    def leaves_out(self, files: Iterable[str]) -> bool:
        """Whether any of the files does not surely come into the package."""
        if self.names_all:
            # The plugin's globs pass over hidden files, which the agent can do without.
            files = [file for file in files if not file.rpartition("/")[2].startswith(".")]
            named = [text for one in self.lists if one.key != "exclude" for text in one.patterns]
            return any(not _is_packaged(file, named, packaged=False) for file in files)
        ordered = list(self._ordered())
        return any(not _is_packaged(file, ordered) for file in files)

    def to_extend(self) -> tuple[Place, tuple[str, ...]] | None:
        """The list that has the last word, or the mapping without one and the keys that lead to it from there."""
        including = [one.place for one in self.lists if one.key != "exclude" and one.place is not None]
        if including:
            return including[-1], ()
        holder = next((one for one in self.packages if isinstance(one.node, Mapping)), None)
        if holder is not None:
            return holder, ("include",)
        return None if self.root is None else (self.root, ("package", "include"))

    def _ordered(self) -> Iterator[str | None]:
        """All patterns in the order of their effect, as the framework joins them: each text once."""
        excludes = [one for part in self.lists if part.key == "exclude" for one in part.patterns]
        includes = [one for part in self.lists if part.key != "exclude" for one in part.patterns]
        for pattern in _once(excludes):
            if pattern is None:
                yield None
            else:
                yield pattern[1:] if pattern.startswith("!") else f"!{pattern}"
        yield from _once(includes)


def _once(patterns: Iterable[str | None]) -> list[str | None]:
    seen: set[str] = set()
    found: list[str | None] = []
    for pattern in patterns:
        if pattern is None or pattern not in seen:
            found.append(pattern)
        if pattern is not None:
            seen.add(pattern)
    return found


def package_rules(service: Service, task_root: str) -> Iterator[PackageRules]:
    """The rules of every package that the service's functions of one task root end up in.

    Raises RewriteRefused when a whole list can't be told from the files.
    """
    wanted = {one.logical_id for one in service.functions() if one.task_root == task_root}
    if not wanted:
        return
    own = [_list(service, service.package, key) for key in _LISTS]
    if any(service.has_plugin(name) for name in _EXCLUDING_PLUGINS):
        own[0] = PackageList("exclude", None, ("**",))
    if service.has_plugin(COMPILING_PLUGIN):
        yield _named(service, own)
    shared = False
    for key, place in service.function_places():
        if key.text not in wanted:
            continue
        package = service.variables.child(place, "package")
        if service.is_packaged_alone(place):
            mine = [_list(service, package, name) for name in _LISTS]
            holders = tuple(one for one in (package, service.package) if one is not None)
            yield PackageRules(key.text, key.line, holders, (*own, *mine))
        else:
            shared = True
    if shared:
        holders = () if service.package is None else (service.package,)
        line = service.package.node.line if service.package is not None else 1
        yield PackageRules("the service", line, holders, tuple(own))


def _named(service: Service, own: list[PackageList]) -> PackageRules:
    """What the compiling plugin copies to where it compiles: what the service's own lists name."""
    root = service.root
    has_key = root is None or any(key.text == "package" for key, _ in entries(root.node))
    holders = () if service.package is None else (service.package,)
    line = 1 if service.package is None else service.package.node.line
    return PackageRules(COMPILING_PLUGIN, line, holders, tuple(own), True, None if has_key else root)


def _list(service: Service, package: Place | None, key: str) -> PackageList:
    if package is None or not isinstance(package.node, Mapping):
        return PackageList(key, None, ())
    node = get(package.node, key, package.document.path)
    place = service.variables.place(node, package.document)
    if node is not None and (place is None or not isinstance(place.node, Sequence)):
        raise RewriteRefused(
            f"package.{key} is no list that can be read from the file",
            path=package.document.path,
            line=node.line,
            hint="make it a list, or embed the package that `serverless package` made",
        )
    items = place.node.items if place is not None and isinstance(place.node, Sequence) else ()
    texts = (service.variables.text(Place(item, service.variables.document)) for item in items)
    return PackageList(key, place, tuple(text.literal for text in texts))


def _is_packaged(file: str, ordered: list[str | None], *, packaged: bool = True) -> bool:
    """Whether a file surely comes into the package; an unknown pattern might leave it out again."""
    for pattern in ordered:
        if pattern is None:
            packaged = False
            continue
        excludes = pattern.startswith("!")
        fits = _fits(pattern[1:] if excludes else pattern, file)
        if fits is None:
            packaged = packaged and not excludes
        elif fits:
            packaged = not excludes
    return packaged


def _fits(pattern: str, file: str) -> bool | None:
    """Whether a glob fits; None for extended globs, which are not evaluated, and overlong ones."""
    pattern = pattern.removeprefix("./")
    if len(pattern) > _MAX_LENGTH or _EXTENDED_GLOB.search(pattern):
        return None
    alternatives = _braces(pattern)
    if alternatives is None:
        return None
    return any(Pattern(one).matches(file) for one in alternatives)


def _braces(pattern: str) -> list[str] | None:
    """A pattern's alternatives with `{a,b}` written out; None where there are too many, or ranges."""
    found = [pattern]
    for _ in range(10):
        matches = [(one, re.search(r"\{([^{}]*)\}", one)) for one in found]
        if all(match is None for _, match in matches):
            return found
        found = []
        for one, match in matches:
            if match is None:
                found.append(one)
            elif "," not in match[1]:
                return None
            else:
                found += [one[: match.start()] + part + one[match.end() :] for part in match[1].split(",")]
        if len(found) > _MAX_BRACES:
            return None
    return None
