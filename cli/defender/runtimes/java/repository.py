"""The agent as what Maven and Gradle take it from: a repository of one artifact, in the project's own folder.

The jar is made of the bundle's files as they are compressed there, and of the settings: the same bundle and settings
give the same bytes. Its version names its content, since both tools keep what they have seen of a version for good.
"""

from __future__ import annotations

import hashlib
import posixpath
import zlib
from collections.abc import Mapping
from functools import cache

from defender.archive import AddRaw, new_zip
from defender.bundle import Agent
from defender.manifest import FOLDER
from defender.resources import template

GROUP = "com.twistlock.serverless"
ARTIFACT = "defender"
_CLASSES = "com/"
_SETTINGS = "com/twistlock/serverless/settings.properties"
_MANIFEST = b"Manifest-Version: 1.0\r\n\r\n"


def version(agent: Agent) -> str:
    """The version to depend on: the agent's own, and eight digits that stand for its jar's content."""
    digest = hashlib.sha256(_jar(agent)).hexdigest()
    return f"{agent.bundle.description.version}-{digest[:8]}"


def files(agent: Agent) -> Mapping[str, bytes]:
    """The repository's files by their paths below the project's folder."""
    name = f"{ARTIFACT}-{version(agent)}"
    folder = posixpath.join(FOLDER, *GROUP.split("."), ARTIFACT, version(agent))
    pom = template("java", "repository.pom.j2", group=GROUP, artifact=ARTIFACT, version=version(agent))
    made = {f"{name}.jar": _jar(agent), f"{name}.pom": pom.encode()}
    # Maven can be told to take nothing without them.
    sums = {f"{file}.sha1": _sha1(data) for file, data in made.items()}
    return {posixpath.join(folder, file): data for file, data in sorted((made | sums).items())}


def members(agent: Agent) -> tuple[AddRaw, ...]:
    """The jar's files, in its order."""
    classes = [raw for raw in agent.bundle.members if raw.name.startswith(_CLASSES)]
    return (
        _stored("META-INF/MANIFEST.MF", _MANIFEST),
        *sorted((*classes, _stored(_SETTINGS, agent.settings)), key=lambda one: one.name),
    )


def _jar(agent: Agent) -> bytes:
    return _packed(members(agent))


@cache
def _packed(content: tuple[AddRaw, ...]) -> bytes:
    return new_zip(content)


def _stored(name: str, data: bytes) -> AddRaw:
    return AddRaw(name, data, 0, zlib.crc32(data), len(data))


def _sha1(data: bytes) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest().encode()
