"""What detection makes of a template that can't be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from defender.archive import open_archive
from defender.detect import detect
from defender.errors import DetectionError
from defender.runtimes.model import Request

BROKEN = "Resources:\n  Orders:\n    Type: AWS::Serverless::Function\n    Properties: [\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "template.yaml").write_text(BROKEN, encoding="utf-8")
    (tmp_path / "app.py").write_text("def handler(event, context):\n    return event\n", encoding="utf-8")
    return tmp_path


def test_a_template_that_cannot_be_read_is_an_error(project):
    with open_archive(project) as archive, pytest.raises(DetectionError, match=r"^template\.yaml:\d+: "):
        detect(archive, Request(runtime="python"))


def test_a_handler_on_the_command_line_makes_it_unimportant(project):
    with open_archive(project) as archive:
        found, declared = detect(archive, Request(runtime="python", handlers=("app.handler",)))

    assert [one.handler for one in found.functions] == ["app.handler"]
    assert len(declared.errors) == 1


def test_images_alone_are_refused(tmp_path):
    """The only candidate would be called protected, and its image would lack the agent."""
    (tmp_path / "template.yaml").write_text(
        "Resources:\n  Orders:\n    Type: AWS::Serverless::Function\n    Properties:\n      PackageType: Image\n",
        encoding="utf-8",
    )
    (tmp_path / "app.rb").write_text("def handler(event:, context:)\n  event\nend\n", encoding="utf-8")

    with open_archive(tmp_path) as archive:
        with pytest.raises(DetectionError, match=r"^template\.yaml:2: Orders is a container image"):
            detect(archive, Request())
        found, _ = detect(archive, Request(handlers=("app.handler",)))

    assert [one.handler for one in found.functions] == ["app.handler"]


def test_a_service_of_another_cloud_alone_is_refused(tmp_path):
    """As above: the only candidate is no handler of Lambda's."""
    (tmp_path / "serverless.yml").write_text(
        "service: x\nprovider: {name: azure}\nfunctions: {f: {handler: src/f.handler}}\n", encoding="utf-8"
    )
    (tmp_path / "index.js").write_text("exports.handler = async () => 1;\n", encoding="utf-8")

    with open_archive(tmp_path) as archive:
        with pytest.raises(DetectionError, match=r"^serverless\.yml: the service is for another cloud"):
            detect(archive, Request())
        found, _ = detect(archive, Request(handlers=("index.handler",)))

    assert [one.handler for one in found.functions] == ["index.handler"]
