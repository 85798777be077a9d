"""The libraries that many Java functions use: nothing that they do is stopped, or answered otherwise.

Under a policy with all four sections, each of which denies something else.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from defender.policy import (
    Dns,
    Effect,
    Filesystem,
    Identity,
    Network,
    Outbound,
    Rule,
    default_policy,
    encode,
)
from runtime_api import Environment

from .conftest import PACKAGES, Java, compiled, embed, jdks
from .rows import SOURCES

HANDLER = "libraries.Libraries"
SOURCE = SOURCES / "libraries" / "Libraries.java"
DOINGS = re.findall(r'DOINGS\.put\("(\w+)"', SOURCE.read_text("utf-8"))
# The driver asks `uname` once whether this is Android, and takes a refusal for a no.
STARTS = {"sqlite_memory": {"/usr/bin/uname"}}
POLICY = encode(
    Identity(function="demo", region="us-east-1", provider="aws", account=None),
    Rule(
        name="all",
        processes=default_policy().rules[0].processes,
        network=Network(Effect.PREVENT, Outbound(deny_ips=("203.0.113.5",))),
        dns=Dns(Effect.PREVENT, deny=("denied.example",)),
        filesystem=Filesystem(Effect.PREVENT, deny=("/srv/denied",)),
    ),
)


@pytest.fixture(scope="module", params=jdks(), ids=lambda path: path.name)
def environments(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("libraries")
    original = compiled(17, [SOURCE], folder / "original", "libraries")
    shutil.copytree(PACKAGES / "libraries", original / "lib")
    for core in (PACKAGES / "function").glob("aws-lambda-java-core-*"):
        shutil.copy(core, original / "lib")
    embed(original, folder / "protected", [HANDLER])
    java = Java(original, folder / "protected", Environment, request.param)
    with java.start(HANDLER) as before, java.start_protected(HANDLER, POLICY) as after:
        yield before, after


@pytest.mark.parametrize("doing", DOINGS)
def test_library(doing: str, environments: Any, read_audits: Any) -> None:
    before, after = environments
    expected = before.invoke(doing)
    assert expected.kind == "response", expected
    assert "Exception" not in expected.document, expected
    assert after.invoke(doing) == expected
    mine = [one for one in read_audits(after.errors()) if one["requestID"] == after.request_id]
    assert {one["processPath"] for one in mine} == STARTS.get(doing, set()), mine
