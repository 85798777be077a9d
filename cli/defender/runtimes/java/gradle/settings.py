"""Where a project's repositories are declared, and whose word counts: its own script's, or the settings file's.

A project that declares a repository of its own no longer sees those of the settings, unless they say otherwise; so
the agent's goes to where the others are.
"""

from __future__ import annotations

import re
from dataclasses import replace

from defender.errors import RewriteRefused
from defender.runtimes.java.gradle.build import KOTLIN, Build
from defender.runtimes.java.gradle.script import Call, Script

MANAGEMENT = "dependencyResolutionManagement"
_MODES = ("FAIL_ON_PROJECT_REPOS", "PREFER_SETTINGS", "PREFER_PROJECT")
# Plugins for settings that declare no repositories.
_KNOWN = frozenset(
    {
        "org.gradle.toolchains.foojay-resolver-convention",
        "org.gradle.toolchains.foojay-resolver",
        "com.gradle.develocity",
        "com.gradle.enterprise",
        "com.gradle.build-scan",
        "com.gradle.common-custom-user-data-gradle-plugin",
    }
)
# Blocks whose repositories are for plugins, or for what is published.
_OF_OTHERS = frozenset({"buildscript", "publishing", "pluginManagement", "uploadArchives"})
# What changes repositories that are added later, too.
_CHANGING = frozenset({"all", "configureEach", "withType", "whenObjectAdded", "matching", "each"})
_ABOVE_US = frozenset({"com", "com.twistlock"})
_BY_HAND = (
    "add the repository `maven { url = uri(...) }` with the project's folder `twistlock` there by hand, or embed the "
    "package that is built"
)


def settings(build: Build) -> Script | None:
    """The settings script that the agent's repository has to go to; None where it goes to the project's own.

    Raises RewriteRefused where that can't be told.
    """
    path = build.settings_file
    if path is None:
        return None
    if path.endswith(KOTLIN):
        _refuse_kotlin(build, path)
        return None
    script = build.script(path)
    _refuse_unknown(build, script)
    managing = [call for call in script.calls() if call.name == MANAGEMENT]
    _refuse_hidden(script, len(managing))
    modes = {mode for call in managing for mode in _modes(script, call)}
    has_own = any("repositories" in one.words for call in managing for one in _inside(script, call))
    if len(modes) > 1:
        raise script.refused("several modes for repositories", managing[-1].index, _BY_HAND)
    if modes & {"FAIL_ON_PROJECT_REPOS", "PREFER_SETTINGS"}:
        return script
    return script if has_own and not _declares(build) else None


def _inside(script: Script, call: Call) -> list[Call]:
    """The calls of a block; their own names count as words."""
    found = list(script.calls(call.inside)) if call.inside else []
    return [replace(one, arguments=(script.tokens[one.index], *one.arguments)) for one in found]


def _modes(script: Script, call: Call) -> list[str]:
    """The modes that a block sets."""
    if call.inside is None:
        raise script.refused("what is meant here can't be told", call.index, _BY_HAND)
    found = []
    for one in _inside(script, call):
        if "repositoriesMode" in one.words:
            named = [word for word in one.words if word in _MODES]
            if len(named) != 1:
                raise script.refused("the mode for repositories can't be told", one.index, _BY_HAND)
            found += named
    return found


def _declares(build: Build) -> bool:
    """Whether the project has repositories of its own; refused where that can't be told."""
    return any(
        _counts(build, script, index)
        for script in build.all
        for index, token in enumerate(script.tokens)
        if token.kind == "word" and token.text == "repositories"
    )


def _counts(build: Build, script: Script, index: int) -> bool:
    heads = [script.head(one) for one in script.heads[index] if script.tokens[one].text == "{"]
    names = [head[0].text if head else "" for head in heads]
    if names and names[0] in _OF_OTHERS:
        return False
    if not names:
        return script not in build.above
    if names in (["allprojects"], ["subprojects"]):
        return script in build.above or names == ["allprojects"]
    raise script.refused("whose repositories these are can't be told", index, _BY_HAND)


def _refuse_hidden(script: Script, shown: int) -> None:
    """Raise RewriteRefused where repositories are managed in any other way than by blocks at the top."""
    if sum(token.text == MANAGEMENT for token in script.tokens) != shown:
        raise script.refused(f"{MANAGEMENT} in a place that can't be told", 0, _BY_HAND)
    for index, token in enumerate(script.tokens):
        if token.kind == "word" and token.text in ("apply", "buildFileName", "beforeProject", "allprojects"):
            heads = [script.head(one) for one in script.heads[index]]
            if not any(head and head[0].text == "plugins" for head in heads):
                raise script.refused(
                    f"{token.text!r} in the settings may declare repositories", index, _BY_HAND
                )


def _refuse_unknown(build: Build, script: Script) -> None:
    for plugin, call in build.plugins(script):
        if plugin not in _KNOWN:
            raise script.refused(f"the plugin {plugin!r} may declare repositories", call.index, _BY_HAND)


def _refuse_kotlin(build: Build, path: str) -> None:
    """Settings in Kotlin are read for the words that matter alone; what has one is refused."""
    text = build.archive.read(path).decode(errors="replace")
    plugins = set(re.findall(r"\bid\s*\(\s*\"([^\"]*)\"", text)) - _KNOWN
    if MANAGEMENT in text or "buildFileName" in text or "apply" in text or plugins:
        raise RewriteRefused(
            "the settings, which are in Kotlin, may declare repositories", path=path, hint=_BY_HAND
        )


def refuse_unasked(script: Script) -> None:
    """Raise RewriteRefused where the agent's repository might be changed, or not asked for the agent."""
    for index, token in enumerate(script.tokens):
        after = [one.text for one in script.tokens[index + 1 : index + 3]]
        if token.text == "repositories" and after[:1] == ["."] and after[1:] and after[1] in _CHANGING:
            raise script.refused(f"repositories.{after[1]} may change the agent's", index, _BY_HAND)
    if "exclusiveContent" in script.words:
        for index, token in enumerate(script.tokens):
            text = (token.value or "").replace("\\", "")
            if token.kind == "string" and (
                token.value is None or text in _ABOVE_US or "*" in text or "+" in text
            ):
                raise script.refused(
                    "whether other repositories may have the agent can't be told", index, _BY_HAND
                )
