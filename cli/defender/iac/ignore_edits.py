"""The edits that take the folder `twistlock/` back in where ignore files leave it out.

A file that is left out of git, a Docker context or an npm package is missing where the function is built
from there. The bundle's own `.gitignore` takes its files back in, but nothing can inside of a folder
that a parent's rule leaves out.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Container, Iterator, Mapping

from defender.edits.ignore import (
    LeftOut,
    Rule,
    append_lines,
    docker_rules,
    escaped,
    git_rules,
    ignored_by_docker,
    ignored_by_git,
)
from defender.errors import RewriteRefused
from defender.iac.folders import is_file
from defender.iac.model import Readable
from defender.plan import Edit

OWN_IGNORE = b"!*\n"
"""The content of the bundle's `twistlock/.gitignore`."""
_LIKE_GIT = (".samignore", ".slsignore", ".funcignore")
_MAX_SAMPLES = 50
_MAX_BYTES = 1 << 16


def ignore_edits(
    archive: Readable, bundles: Mapping[str, tuple[str, ...]], npm_roots: Container[str | None] = ()
) -> tuple[Edit, ...]:
    """The lines to append to ignore files of task roots and the folders above them.

    `bundles` has, by task root, the new files' names below it; npm's ignore files count for `npm_roots`.
    A file that leaves out all of a function's own code is left alone. Raises RewriteRefused where lines
    at its end do not help.
    """
    lines: dict[str, list[str]] = {}
    for root, bundle in bundles.items():
        found = list(_git_lines(archive, root, bundle))
        for name in (*_LIKE_GIT, *((".npmignore",) if root in npm_roots else ())):
            found += _single_file_lines(archive, root, bundle, name, _ignored_like_git)
        found += _single_file_lines(archive, root, bundle, ".dockerignore", _ignored_like_docker)
        for source, line in found:
            lines.setdefault(source, []).append(line)
    return tuple(_edit(source, archive.read(source), added) for source, added in lines.items())


def _read(archive: Readable, source: str) -> bytes:
    """An ignore file's bytes; one of thousands of rules could take minutes to check."""
    if archive.members[source].size > _MAX_BYTES:
        hint = "shorten it, or embed the package that is built from the folder"
        raise RewriteRefused("the file is too large to be checked", path=source, hint=hint)
    return archive.read(source)


def _folders_above(task_root: str) -> Iterator[str]:
    """The task root and the folders above it, up to the input's own."""
    folder = task_root
    while folder:
        yield folder
        folder = posixpath.dirname(folder)
    yield ""


def _samples(archive: Readable, task_root: str) -> list[str]:
    """Some of the function's own files: where all of them are left out, so may ours be."""
    prefix = f"{task_root}/" if task_root else ""
    found = []
    for name in archive.members:
        if name.startswith(prefix) and not name.startswith(prefix + "twistlock"):
            found.append(name)
            if len(found) == _MAX_SAMPLES:
                break
    return found


def _git_lines(archive: Readable, task_root: str, bundle: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Lines by ignore file that make git take in one bundle."""
    sources = {
        source: _read(archive, source)
        for folder in _folders_above(task_root)
        if is_file(archive.members, source := posixpath.join(folder, ".gitignore"))
    }
    if not sources:
        return
    rules = {source: git_rules(data) for source, data in sources.items()}
    if all(ignored_by_git(name, rules) for name in _samples(archive, task_root)):
        return
    own = posixpath.join(task_root, "twistlock/.gitignore")
    files = [posixpath.join(task_root, name) for name in bundle]
    if own in files:
        rules[own] = git_rules(OWN_IGNORE)
    given: set[tuple[str, str]] = set()
    while left_out := _first(ignored_by_git(file, rules) for file in files):
        line = _git_line(left_out, files)
        if left_out.source == own or (left_out.source, line) in given:
            raise _refusal(left_out)
        given.add((left_out.source, line))
        rules[left_out.source] += git_rules(line.encode())
        yield left_out.source, line


def _git_line(left_out: LeftOut, files: list[str]) -> str:
    folder = posixpath.dirname(left_out.source)
    relative = left_out.path[len(folder) + 1 :] if folder else left_out.path
    is_folder = any(file.startswith(left_out.path + "/") for file in files)
    return f"!/{escaped(relative)}" + ("/" if is_folder else "")


_Check = Callable[[str, tuple[Rule, ...], str], LeftOut | None]


def _ignored_like_git(path: str, rules: tuple[Rule, ...], source: str) -> LeftOut | None:
    name = posixpath.basename(source)
    return ignored_by_git(path, {name: rules}, name)


def _ignored_like_docker(path: str, rules: tuple[Rule, ...], source: str) -> LeftOut | None:
    return ignored_by_docker(path, rules, source)


def _single_file_lines(
    archive: Readable, task_root: str, bundle: tuple[str, ...], name: str, ignored: _Check
) -> Iterator[tuple[str, str]]:
    """The same for tools that read one file at the root of what they take."""
    parse = docker_rules if ignored is _ignored_like_docker else git_rules
    for folder in _folders_above(task_root):
        source = posixpath.join(folder, name)
        if not is_file(archive.members, source):
            continue
        rules = parse(_read(archive, source))
        cut = len(folder) + 1 if folder else 0
        files = [posixpath.join(task_root, one)[cut:] for one in bundle]
        own = [one[cut:] for one in _samples(archive, task_root)]
        if all(ignored(one, rules, source) for one in own):
            continue
        if not any(ignored(file, rules, source) for file in files):
            continue
        ours = ("" if parse is docker_rules else "/") + escaped(posixpath.join(task_root, "twistlock")[cut:])
        added = (f"!{ours}", f"!{ours}/**")
        extended = rules + parse("\n".join(added).encode())
        if left_out := _first(ignored(file, extended, source) for file in files):
            raise _refusal(left_out, source)
        yield from ((source, line) for line in added)


def _first(found: Iterator[LeftOut | None]) -> LeftOut | None:
    return next((one for one in found if one is not None), None)


def _edit(source: str, data: bytes, lines: list[str]) -> Edit:
    why = "its rules would leave the folder twistlock out"
    return Edit(source, "iac.ignore.take-back", why, (append_lines(data, tuple(lines)),))


def _refusal(left_out: LeftOut, source: str | None = None) -> RewriteRefused:
    return RewriteRefused(
        f"the rule {left_out.rule.text!r} leaves the folder twistlock out",
        path=source or left_out.source,
        line=left_out.rule.line,
        hint="change the rule so that the folder twistlock is kept, then embed again",
    )
