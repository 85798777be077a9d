"""The agent as a local Maven repository: paths, content, and that neither depends on anything else."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from xml.etree import ElementTree

from defender.bundle import Agent, builtin
from defender.runtimes.java.repository import files, version

OPEN, CLOSED = (Agent(builtin("java"), on_failure) for on_failure in ("open", "closed"))


def jar(agent: Agent) -> zipfile.ZipFile:
    (data,) = (data for path, data in files(agent).items() if path.endswith(".jar"))
    return zipfile.ZipFile(io.BytesIO(data))


def test_paths_are_those_of_a_maven_repository() -> None:
    stem = f"twistlock/com/twistlock/serverless/defender/{version(OPEN)}/defender-{version(OPEN)}"
    endings = (".jar", ".jar.sha1", ".pom", ".pom.sha1")
    assert list(files(OPEN)) == [stem + ending for ending in endings]


def test_checksums_are_right() -> None:
    found = files(OPEN)
    for path in found:
        if not path.endswith(".sha1"):
            assert found[f"{path}.sha1"].decode() == hashlib.sha1(found[path]).hexdigest()


def test_the_jar_holds_the_bundle_and_its_settings() -> None:
    content = jar(OPEN)
    assert content.testzip() is None
    names = content.namelist()
    assert names[0] == "META-INF/MANIFEST.MF"
    assert names[1:] == sorted(names[1:])
    inside = {raw.name for raw in builtin("java").members if raw.name.startswith("com/")}
    settings = "com/twistlock/serverless/settings.properties"
    assert set(names[1:]) == inside | {settings}
    assert content.read(settings) == b"on_failure=open\n"
    assert jar(CLOSED).read(settings) == b"on_failure=closed\n"
    assert any(name.endswith("libdefender-linux-aarch64") for name in names)


def test_another_content_is_another_version() -> None:
    assert re.fullmatch(r"[\d.]+-[0-9a-f]{8}", version(OPEN))
    assert version(OPEN) != version(CLOSED)
    assert files(OPEN) == files(Agent(builtin("java"), "open"))


def test_the_pom_says_the_same_coordinates() -> None:
    (pom,) = (data for path, data in files(OPEN).items() if path.endswith(".pom"))
    project = ElementTree.fromstring(pom)
    named = [project.findtext(f"{{*}}{name}") for name in ("groupId", "artifactId", "version")]
    assert named == ["com.twistlock.serverless", "defender", version(OPEN)]
