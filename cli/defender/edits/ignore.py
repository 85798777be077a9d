"""Ignore files: which paths they leave out, by git's rules and by Docker's, and how to take one back in.

Global and per-clone excludes (core.excludesFile, .git/info/exclude) are not part of a package and not known.
https://git-scm.com/docs/gitignore  https://docs.docker.com/build/concepts/context/#dockerignore-files
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass

from defender.edits.splice import Splice
from defender.edits.wildcard import Pattern

_MAX_LINE = 4096
"""Longer lines than any path are no rules."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of an ignore file: does it leave out or take back, and what."""

    text: str
    line: int
    takes_back: bool
    folders_only: bool
    by_name: bool
    bytewise: bool
    pattern: Pattern

    def matches(self, path: str, is_folder: bool) -> bool:
        """Whether the rule speaks of `path`, which is relative to the ignore file's folder."""
        if self.folders_only and not is_folder:
            return False
        path = posixpath.basename(path) if self.by_name else path
        return self.pattern.matches(_bytewise(path) if self.bytewise else path)


def git_rules(data: bytes) -> tuple[Rule, ...]:
    """The rules of a file in the gitignore syntax."""
    rules = []
    for number, raw in enumerate(_lines(data), 1):
        text = _without_trailing_spaces(raw)
        if not text or text.startswith("#"):
            continue
        takes_back = text.startswith("!")
        body = text[1:] if takes_back else text
        folders_only = body.endswith("/")
        body = body[:-1] if folders_only else body
        by_name = "/" not in body
        body = body.removeprefix("/")
        if body:
            # git compares what stands before the first wildcard separately (dir.c, match_pathname).
            literal = 0 if by_name else len(re.split(r"[*?\[\\]", body, maxsplit=1)[0].encode())
            pattern = Pattern(_bytewise(body), literal)
            rules.append(Rule(text, number, takes_back, folders_only, by_name, True, pattern))
    return tuple(rules)


def docker_rules(data: bytes) -> tuple[Rule, ...]:
    """The rules of a .dockerignore: paths from the context's root, without regard to folders."""
    rules = []
    for number, raw in enumerate(_lines(data), 1):
        text = raw.strip()
        if not text or text.startswith("#"):
            continue
        takes_back = text.startswith("!")
        body = posixpath.normpath((text[1:] if takes_back else text).strip()).lstrip("/")
        if body and body != ".":
            rules.append(Rule(text, number, takes_back, False, False, False, Pattern(body)))
    return tuple(rules)


def _bytewise(text: str) -> str:
    """One character for each byte: git compares bytes, so that its `?` is half of an `é`."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def _lines(data: bytes) -> list[str]:
    text = data.decode("utf-8-sig", "surrogateescape")
    lines = (line.removesuffix("\r") for line in text.split("\n"))
    return ["" if len(line) > _MAX_LINE else line for line in lines]


def _without_trailing_spaces(line: str) -> str:
    """Trailing spaces do not count unless a backslash stands before them."""
    while line.endswith(" "):
        escapes = len(line[:-1]) - len(line[:-1].rstrip("\\"))
        if escapes % 2:
            break
        line = line[:-1]
    return line


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A path that an ignore file leaves out: the file, its rule, and the folder or file it applies to."""

    source: str
    rule: Rule
    path: str


def ignored_by_git(
    path: str, rules: Mapping[str, tuple[Rule, ...]], name: str = ".gitignore"
) -> LeftOut | None:
    """What leaves the file `path` out; `rules` has those of each ignore file by its path.

    As git does it: the deepest file and its last matching line decide, and nothing inside of a folder
    that is left out can be taken back.
    """
    parts = path.split("/")
    for depth in range(1, len(parts) + 1):
        found = _decision("/".join(parts[:depth]), depth < len(parts), rules, name)
        if found is not None and not found.rule.takes_back:
            return found
    return None


def _decision(path: str, is_folder: bool, rules: Mapping[str, tuple[Rule, ...]], name: str) -> LeftOut | None:
    folder = posixpath.dirname(path)
    while True:
        source = posixpath.join(folder, name)
        relative = path[len(folder) + 1 :] if folder else path
        for rule in reversed(rules.get(source, ())):
            if rule.matches(relative, is_folder):
                return LeftOut(source, rule, path)
        if not folder:
            return None
        folder = posixpath.dirname(folder)


def ignored_by_docker(path: str, rules: tuple[Rule, ...], source: str) -> LeftOut | None:
    """What leaves the file `path`, relative to the context, out: the last line that fits it or a parent."""
    parts = path.split("/")
    parents = ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
    for rule in reversed(rules):
        fitting = next((parent for parent in parents if rule.matches(parent, False)), None)
        if fitting is not None:
            return None if rule.takes_back else LeftOut(source, rule, fitting)
    return None


def escaped(path: str) -> str:
    """A path as a pattern that matches it alone."""
    return re.sub(r"([\\*?\[\] ])", r"\\\1", path)


def append_lines(data: bytes, lines: tuple[str, ...]) -> Splice:
    """The insertion of whole lines at a file's end, in its own line ends."""
    newline = b"\r\n" if b"\r\n" in data else b"\n"
    text = b"".join(line.encode("utf-8", "surrogateescape") + newline for line in lines)
    separate = newline if data and not data.endswith(b"\n") else b""
    return Splice.insert(len(data), separate + text)
