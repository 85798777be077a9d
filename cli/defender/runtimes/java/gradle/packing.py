"""Whether the build puts a project's dependencies into a package, all of them and the agent as it is.

Looked at are the archive tasks' blocks: what they take from the configurations, and what they leave out, move or
rename on the way. What can't be told is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from defender.bundle import builtin
from defender.edits.wildcard import Pattern
from defender.runtimes.java.gradle.build import Build
from defender.runtimes.java.gradle.script import Script

TASK = "buildZip"
SHADOW = frozenset(
    {"com.github.johnrengelman.shadow", "com.gradleup.shadow", "io.github.goooler.shadow", "ShadowPlugin"}
)
_OLD = frozenset({"compile", "runtime"})
_NEW = frozenset({"compileClasspath", "runtimeClasspath", "default"})
_ARCHIVES = frozenset({"Zip", "Jar", "Tar", "War", "ShadowJar", "Copy", "Sync"})
_ARCHIVE_NAMES = frozenset(
    {"jar", "shadowJar", "distributions", "distZip", "installDist", "copy", "sync", TASK}
)
# What an archive task may do to a dependency's files on the way, apart from patterns, which are read.
_MOVING = frozenset(
    {
        "eachFile",
        "rename",
        "filesMatching",
        "filesNotMatching",
        "minimize",
        "enableRelocation",
        "relocationPrefix",
    }
    | {"isEnableRelocation", "matching", "minus", "findAll", "filter", "grep"}
)
_PATTERNS = frozenset(
    {"exclude", "include", "excludes", "includes", "setExcludes", "setIncludes", "relocate"}
)
# Filters of files that are idioms: what is no jar, or is not there, is left out.
_IDIOMS = (
    ["it", ".", "exists", "(", ")"],
    ["it", ".", "name", ".", "endsWith", "(", "jar", ")"],
    ["it", ".", "name", ".", "endsWith", "(", ".jar", ")"],
    ["it", ".", "file"],
)
_AGENT = "com/twistlock/serverless/"


@dataclass(frozen=True, slots=True)
class Packing:
    """What the build's archives take from: nothing at all, or configurations, of which `is_old` are before Gradle 7."""

    is_there: bool
    is_old: bool


def packing(build: Build, artifact: str) -> Packing:
    """How the build packs dependencies, `artifact` being the name of the agent's jar.

    Raises RewriteRefused, with the line, for what would leave the agent out, or might.
    """
    taken: set[str] = set()
    for script in build.all:
        inside = _in_archives(script)
        for index in inside:
            taken |= _taken(script, index)
            _refuse_changes(script, index, artifact)
        for index in range(len(script.tokens)):
            if index not in inside and script.tokens[index].text == "configurations":
                _refuse_derived(script, index)
        for index, token in enumerate(script.tokens):
            if token.text == TASK and not taken:
                raise script.refused(f"the task {TASK} packs no dependencies that could be found", index)
    shadows = any(plugin in SHADOW for script in build.all for plugin, _ in build.plugins(script))
    return Packing(bool(taken) or shadows, bool(taken & _OLD))


def _in_archives(script: Script) -> dict[int, None]:
    """The tokens that stand in the block of an archive task, in order."""
    blocks: dict[int, bool] = {}
    found: dict[int, None] = {}
    for index in range(len(script.tokens)):
        for brace in script.heads[index]:
            if brace not in blocks:
                blocks[brace] = script.tokens[brace].text == "{" and _is_archive(script, brace)
            if blocks[brace]:
                found[index] = None
                break
    return found


def _is_archive(script: Script, brace: int) -> bool:
    head = script.head(brace)
    words = {token.text for token in head if token.kind == "word"}
    named = {token.value for token in head if token.value}
    return bool(words & (_ARCHIVES | _ARCHIVE_NAMES) or named & _ARCHIVE_NAMES)


def _taken(script: Script, index: int) -> set[str]:
    """The configurations that are named at a token."""
    here = [token.value or token.text for token in script.tokens[index : index + 5]]
    if here[:4] == ["sourceSets", ".", "main", "."] and here[4:] == ["runtimeClasspath"]:
        return {"runtimeClasspath"}
    if here[0] != "configurations" or here[1:2] == ["="]:
        return set()
    dotted = here[2] if here[1:2] == ["."] and here[3:4] != ["("] else None
    asked = here[4] if here[1:2] == ["."] and here[2:4] in (["getByName", "("], ["named", "("]) else None
    indexed = here[2] if here[1:2] == ["["] else None
    name = dotted or asked or indexed
    if name not in _OLD | _NEW:
        raise script.refused("which dependencies are packed here can't be told", index)
    return {str(name)}


def _refuse_changes(script: Script, index: int, artifact: str) -> None:
    token = script.tokens[index]
    if token.kind != "word" or _is_elsewhere(script, index):
        return
    if token.text in _MOVING and not _is_idiom(script, index):
        raise script.refused(f"{token.text!r} may leave the agent out of the package, or change it", index)
    if token.text in _PATTERNS:
        patterns = _patterns(script, index)
        if not patterns:
            raise script.refused(f"what {token.text!r} means here can't be told", index)
        if _leaves_out(token.text, patterns, artifact):
            raise script.refused(f"{token.text!r} leaves the agent out of the package, or may", index)


def _refuse_derived(script: Script, index: int) -> None:
    """Refuse a part of a configuration that is kept for later: what packs it can't be told."""
    for later in range(index + 1, len(script.tokens)):
        token = script.tokens[later]
        if token.fresh and token.text != ".":
            return
        if token.text in _MOVING and script.tokens[later - 1].text == "." and not _is_idiom(script, later):
            raise script.refused(f"{token.text!r} may leave the agent out of the package", later)


def _is_elsewhere(script: Script, index: int) -> bool:
    """Whether a token stands in a block that takes files from somewhere else than the dependencies."""
    for brace in reversed(script.heads[index]):
        head = script.head(brace)
        if _is_archive(script, brace):
            return False
        if head and head[0].text in ("manifest", "doFirst", "doLast", "metaInf"):
            return True
        if head and head[0].text == "from":
            words = {token.text for token in head if token.kind == "word"}
            return len(head) > 1 and not words & {"configurations", "runtimeClasspath", "zipTree", "collect"}
    return False


def _is_idiom(script: Script, index: int) -> bool:
    opening = index + 1
    if script.tokens[opening].text != "{":
        return False
    inside = script.tokens[opening + 1 : script.partners[opening]]
    return [token.value or token.text for token in inside] in _IDIOMS


def _patterns(script: Script, index: int) -> list[str]:
    """What the strings of a call say; nothing where one is computed, or something else is among its arguments."""
    found: list[str] = []
    for token in script.tokens[index + 1 :]:
        if token.kind == "string" and token.value is not None:
            found.append(token.value)
        elif token.fresh or token.text == "}":
            break
        elif token.text == "dependency":
            found.append("dependency")
        elif token.text not in ("(", ")", ",", "[", "]", "="):
            return []
    return found


def _leaves_out(verb: str, patterns: list[str], artifact: str) -> bool:
    if verb == "relocate":
        return _relocates(patterns[0])
    is_include = "nclude" in verb
    if patterns[0] == "dependency":
        return is_include or not all(_is_other(one) for one in patterns if one != "dependency")
    if not is_include:
        return any(_fits(patterns, name) for name in (artifact, f"lib/{artifact}", *_members()))
    return not (_fits(patterns, artifact) or all(_fits(patterns, name) for name in _members()))


def _relocates(pattern: str) -> bool:
    """Whether a relocation is for the agent's classes, by the beginning of their names."""
    start = pattern.replace(".", "/").rstrip("*/")
    return _AGENT.startswith(start) or start.startswith(_AGENT) or "%" in start


def _is_other(pattern: str) -> bool:
    """Whether `group:artifact:version`, whose parts are regular expressions, is certainly not the agent."""
    group = pattern.partition(":")[0]
    return group.replace(".", "").replace("-", "").isalnum() and not group.startswith("com.twistlock")


def _members() -> list[str]:
    """The files in the agent's jar."""
    inside = [one.name for one in builtin("java").members if one.name.startswith("com/")]
    return [*inside, f"{_AGENT}settings.properties"]


def _fits(patterns: list[str], name: str) -> bool:
    for pattern in patterns:
        text = pattern.replace("\\", "/").removeprefix("/").replace("[", "\\[")
        if Pattern(f"{text}**" if text.endswith("/") else text).matches(name):
            return True
    return False
