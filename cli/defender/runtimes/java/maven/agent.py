"""The agent as an artifact: its coordinates, what its jar holds, and which patterns of Maven's plugins fit it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from defender.bundle import Agent, builtin
from defender.edits.wildcard import Pattern
from defender.edits.xml_insert import New
from defender.runtimes.java import repository as agents_repository

GROUP = agents_repository.GROUP
NAME = agents_repository.ARTIFACT
REPOSITORY = "twistlock-internal"
KEY = f"{GROUP}:{NAME}"
_CLASSES = "com/"


@cache
def members() -> tuple[str, ...]:
    """The files of the agent's jar, its manifest left out."""
    content = agents_repository.members(Agent(builtin("java"), "open"))
    return tuple(one.name for one in content if one.name.startswith(_CLASSES))


def repository(url: str) -> New:
    """The local repository, as the console's manual names it."""
    return New("repository", below=(New("id", REPOSITORY), New("name", "twistlock"), New("url", url)))


def dependency(version: str) -> New:
    """The dependency of a function."""
    below = (New("groupId", GROUP), New("artifactId", NAME), New("version", version))
    return New("dependency", below=below)


def fits_artifact(pattern: str) -> bool:
    """Whether `group:artifact` with wildcards fits the agent; what may follow behind further colons fits everything."""
    group, _, rest = pattern.strip().partition(":")
    artifact = rest.partition(":")[0]
    return _fits(group, GROUP) and (not rest or _fits(artifact, NAME))


def names_artifact(pattern: str) -> bool:
    """Whether a pattern fits the agent beyond doubt: it says nothing of type, classifier or version."""
    return pattern.strip().count(":") == 1 and fits_artifact(pattern)


def fits_jar(pattern: str) -> bool:
    """Whether a pattern of paths fits the agent's jar, by any of the names that it is copied under."""
    names = (f"{NAME}.jar", f"{NAME}-1.0.jar", f"{GROUP}.{NAME}-1.0.jar")
    text = pattern.strip().removeprefix("/")
    compiled = Pattern(_literally(text.rpartition("/")[2] if text.endswith(".jar") else text))
    return any(compiled.matches(name) for name in names)


def fitting_members(pattern: str) -> list[str]:
    """The files of the agent's jar that a pattern of paths fits, as Ant reads it."""
    text = _literally(pattern.strip().replace("\\", "/").removeprefix("/"))
    compiled = Pattern(f"{text}**" if text.endswith("/") else text)
    return [name for name in members() if compiled.matches(name)]


def without(names: Iterable[str], patterns: Iterable[str]) -> list[str]:
    """The files that none of the patterns fits."""
    fitting = {name for pattern in patterns for name in fitting_members(pattern)}
    return [name for name in names if name not in fitting]


def _fits(pattern: str, text: str) -> bool:
    return Pattern(_literally(pattern)).matches(text)


def _literally(pattern: str) -> str:
    """A pattern whose only wildcards are `*` and `?`."""
    return pattern.replace("\\", "\\\\").replace("[", "\\[")
