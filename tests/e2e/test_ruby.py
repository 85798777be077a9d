"""Ruby projects as users have them, from the command line to a Ruby that loads what their tools would deploy."""

from __future__ import annotations

import json
import os
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., tuple[int, str, str]]
HANDLER = b"# frozen_string_literal: true\n\ndef handler(event:, context:)\n  [event, system('true')]\nend\n"
METHOD = b"""module Shop
  class Orders
    def self.call(event:, context:)
      [event, system('true')]
    end
  end
end
"""
# What the runtime's client does, shortened to one call.
INVOKE = """
$LOAD_PATH.unshift(Dir.pwd)
file, *constant, method = ARGV[0].split('.')
require file
raise Twistlock.reason unless Twistlock.status == 'enforcing'
target = constant.empty? ? self : Kernel.const_get(constant.first)
p target.__send__(method, event: 7, context: nil)
"""
SAM = b"""Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Runtime: ruby3.3}}
Resources:
  Orders:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: orders/, Handler: src/app.handler, FunctionName: orders}
  Billing:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: billing/, Handler: 'app.Shop::Orders.call', FunctionName: billing}
"""
SERVERLESS = """service: shop
provider: {name: aws, runtime: ruby3.3}
package:
  patterns:
    - '!**'
    - app.rb
functions:
  orders:
    handler: app.handler
"""


def write(root: Path, **files: bytes | str) -> Path:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return root


def invoke(root: Path, handler: str, policy: str | None) -> str:
    """What the handler answers in a Ruby that has the core active: the program that it starts is refused."""
    environment = {**os.environ, **({} if policy is None else {"TW_POLICY": policy})}
    if policy is None:
        environment.pop("TW_POLICY", None)
    command = ["ruby", "-e", INVOKE, handler]
    run = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def embedded(defender: Run, source: Path, target: Path, *options: str) -> dict[str, Any]:
    status, out, err = defender("embed", source, "-o", target, "--json", *options)
    assert status == 0, err
    document: dict[str, Any] = json.loads(out)
    return document


def test_a_sam_project(defender: Run, tmp_path: Path) -> None:
    files = {
        "template.yaml": SAM,
        "orders/src/app.rb": HANDLER,
        "billing/app.rb": METHOD,
        ".gitignore": "*.so\n",
    }
    source = write(tmp_path / "app", **files)
    report = embedded(defender, source, tmp_path / "protected")
    assert report["build"] == "sam"
    assert [one["status"] for one in report["functions"]] == ["protected"] * 2
    for one, handler in zip(report["functions"], ("src/app.handler", "app.Shop::Orders.call"), strict=True):
        root = tmp_path / "protected" / one["task_root"]
        assert invoke(root, handler, one["environment"]["TW_POLICY"]) == "[7, nil]\n"
    assert defender("remove", tmp_path / "protected", "-o", tmp_path / "back")[0] == 0
    assert tree(tmp_path / "back") == tree(source)


def test_a_serverless_project_with_a_list_of_files(defender: Run, tmp_path: Path) -> None:
    source = write(tmp_path / "app", **{"serverless.yml": SERVERLESS, "app.rb": HANDLER})
    embedded(defender, source, tmp_path / "protected")
    text = (tmp_path / "protected" / "serverless.yml").read_text()
    assert text == SERVERLESS.replace("- app.rb\n", "- app.rb\n    - twistlock/**\n")


def test_a_zip_comes_back_bit_for_bit(defender: Run, tmp_path: Path) -> None:
    with zipfile.ZipFile("f.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("lambda_function.rb", HANDLER.replace(b"handler", b"lambda_handler"))
        archive.writestr("vendor/bundle/ruby/3.3.0/gems/a-1/lib/a.rb", b"A = 1\n" * 1000)
    original = Path("f.zip").read_bytes()
    assert defender("embed", "f.zip")[0] == 0
    first = Path("f.protected.zip").read_bytes()
    assert defender("embed", "f.protected.zip", "-o", "again.zip")[0] == 0
    assert Path("again.zip").read_bytes() == first
    assert defender("remove", "f.protected.zip", "-o", "back.zip")[0] == 0
    assert Path("back.zip").read_bytes() == original


def test_a_baked_policy_needs_no_variable(defender: Run, tmp_path: Path) -> None:
    source = write(tmp_path / "app", **{"app.rb": HANDLER})
    options = ("--handler", "app.handler", "--baked-policy")
    report = embedded(defender, source, tmp_path / "protected", *options)
    assert not report["environment"]
    assert invoke(tmp_path / "protected", "app.handler", None) == "[7, nil]\n"


def test_a_stem_shared_with_another_language(defender: Run, tmp_path: Path) -> None:
    python = b"def handler(event, context):\n    return event\n"
    source = write(tmp_path / "app", **{"app.rb": HANDLER, "app.py": python})
    status, _, err = defender("embed", source, "--handler", "app.handler", "-o", tmp_path / "unsure")
    assert (status, "--runtime" in err) == (4, True), err
    options = ("--handler", "app.handler", "--runtime", "ruby")
    report = embedded(defender, source, tmp_path / "protected", *options)
    assert {one["path"] for one in report["changes"] if not one["path"].startswith("twistlock/")} == {
        "app.rb"
    }
    assert (tmp_path / "protected" / "app.py").read_bytes() == python
    policy = report["environment"]["TW_POLICY"]
    assert invoke(tmp_path / "protected", "app.handler", policy) == "[7, nil]\n"


@pytest.fixture
def customers_bundle(tmp_path: Path) -> Path:
    """A stand-in for a console's bundle with the manual's one name, nothing of theirs; it notes what it wraps."""
    shim = b"""module Twistlock
  def self.handler(event:, context:)
    $wrapped = true
    yield(event: event, context: context)
  end
end
"""
    path = tmp_path / "twistlock_serverless_defender.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("twistlock/twistlock.rb", shim)
        archive.writestr("twistlock/native_ruby.so", b"\x7fELF")
    return path


@pytest.mark.parametrize(
    ("data", "handler"),
    [
        (HANDLER, "app.handler"),
        (METHOD, "app.Shop::Orders.call"),
        (HANDLER.replace(b"event:, context:", b"event:, **rest"), "app.handler"),
    ],
)
def test_a_customers_bundle(
    data: bytes, handler: str, defender: Run, customers_bundle: Path, tmp_path: Path
) -> None:
    source = write(tmp_path / "app", **{"app.rb": data})
    options = ("--handler", handler, "--bundle", str(customers_bundle), "--tw-policy", "the console's")
    status, out, err = defender("embed", source, "-o", tmp_path / "protected", *options)
    assert (status, out) == (0, "TW_POLICY=the console's\n"), err
    code = (
        INVOKE.replace("raise Twistlock.reason unless Twistlock.status == 'enforcing'\n", "") + "p $wrapped\n"
    )
    command = ["ruby", "-e", code, handler]
    run = subprocess.run(command, cwd=tmp_path / "protected", capture_output=True, text=True)
    assert run.stdout == "[7, true]\ntrue\n", run.stderr
    assert defender("remove", tmp_path / "protected", "-o", tmp_path / "back")[0] == 0
    assert tree(tmp_path / "back") == tree(source)
