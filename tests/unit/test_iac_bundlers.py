"""Functions that IaC has a bundler build: refused, or the native library comes along by `package.patterns`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Defender = Callable[..., tuple[int, str, str]]
SERVICE = "service: s\nprovider:\n  name: aws\n  runtime: nodejs20.x\nfunctions:\n  f:\n    handler: index.handler\n"


@pytest.fixture
def embed(tmp_path: Path, defender: Defender) -> Callable[..., tuple[int, str, Path]]:
    """Embeds a folder of these files; gives the status, stderr and the output."""

    def run(**files: str) -> tuple[int, str, Path]:
        folder = tmp_path / "fn"
        folder.mkdir()
        (folder / "index.js").write_text("exports.handler = async () => 1;\n")
        for name, text in files.items():
            (folder / name.replace("_", ".")).write_text(text)
        code, _, err = defender("embed", folder)
        return code, " ".join(err.split()), tmp_path / "fn.protected"

    return run


def test_sam_with_esbuild_is_refused(embed: Callable[..., tuple[int, str, Path]]) -> None:
    template = (
        "Transform: AWS::Serverless-2016-10-31\nResources:\n  F:\n    Type: AWS::Serverless::Function\n"
        "    Metadata:\n      BuildMethod: esbuild\n"
        "    Properties: {CodeUri: ., Handler: index.handler, Runtime: nodejs20.x}\n"
    )
    code, err, _ = embed(template_yaml=template)
    assert code == 5
    assert "template.yaml:3: F is built by esbuild" in err
    assert "embed .aws-sam/build/F" in err


@pytest.mark.parametrize(
    "plugins", ["plugins:\n  - serverless-webpack\n", "plugins: {modules: [serverless-bundle]}\n"]
)
def test_other_plugins_are_refused(plugins: str, embed: Callable[..., tuple[int, str, Path]]) -> None:
    code, err, _ = embed(serverless_yml=SERVICE + plugins)
    assert code == 5
    assert "leaves the agent's native library out" in err


BUNDLED = ["plugins:\n  - serverless-esbuild\n", "build:\n  esbuild:\n    bundle: true\n"]


@pytest.mark.parametrize("bundled", BUNDLED)
def test_patterns_are_extended(bundled: str, embed: Callable[..., tuple[int, str, Path]]) -> None:
    lists = "package:\n  patterns:\n    - data/**\n"
    code, err, protected = embed(serverless_yml=SERVICE + lists + bundled)
    assert code == 0, err
    text = (protected / "serverless.yml").read_text()
    assert text == SERVICE + lists + "    - twistlock/**\n" + bundled


def test_patterns_are_begun(embed: Callable[..., tuple[int, str, Path]]) -> None:
    lists = "package:\n  individually: false\n"
    code, err, protected = embed(serverless_yml=SERVICE + lists + BUNDLED[0])
    assert code == 0, err
    text = (protected / "serverless.yml").read_text()
    assert text == SERVICE + lists + "  patterns:\n    - 'twistlock/**'\n" + BUNDLED[0]


@pytest.mark.parametrize("lists", ["", "package:\n  include:\n    - twistlock/**\n"])
def test_what_the_plugin_would_not_take_along(
    lists: str, embed: Callable[..., tuple[int, str, Path]]
) -> None:
    code, err, protected = embed(serverless_yml=SERVICE + lists + BUNDLED[0])
    if not lists:
        assert code == 5
        assert "add 'twistlock/**' as the last of package.patterns" in err
    else:
        assert "patterns:" in (protected / "serverless.yml").read_text()


def test_patterns_that_name_the_agent_are_enough(embed: Callable[..., tuple[int, str, Path]]) -> None:
    lists = "package:\n  patterns: ['twistlock/**']\n"
    code, err, protected = embed(serverless_yml=SERVICE + lists + BUNDLED[0])
    assert code == 0, err
    assert (protected / "serverless.yml").read_text() == SERVICE + lists + BUNDLED[0]


def test_plugins_do_not_bundle_python(embed: Callable[..., tuple[int, str, Path]]) -> None:
    service = SERVICE.replace("nodejs20.x", "python3.12") + "plugins: [serverless-webpack]\n"
    code, err, _ = embed(serverless_yml=service, index_py="def handler(event, context):\n    return 1\n")
    assert code == 0, err
