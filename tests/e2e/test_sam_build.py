"""What `sam build` makes of a protected folder, by the very library that it builds Python functions with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from aws_lambda_builders.builder import LambdaBuilder

TEMPLATE = b"""Transform: AWS::Serverless-2016-10-31
Resources:
  Orders:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: orders, Handler: app.handler, Runtime: python3.11}
"""
HANDLER = b"import os\n\n\ndef handler(event, context):\n    return os.system('true')\n"
INVOKE = """
import sys
sys.path.insert(0, sys.argv[1])
import app, twistlock.serverless
assert twistlock.serverless.status == "enforcing", twistlock.serverless.reason
assert twistlock.serverless.is_protected(app.handler)
print(app.handler({}, None))
"""


def test_a_built_function_is_still_protected(
    tmp_path: Path, defender: Callable[..., tuple[int, str, str]]
) -> None:
    source = tmp_path / "app"
    (source / "orders").mkdir(parents=True)
    (source / "template.yaml").write_bytes(TEMPLATE)
    (source / "orders" / "app.py").write_bytes(HANDLER)
    (source / "orders" / "requirements.txt").write_bytes(b"")
    status, out, err = defender("embed", source, "--json", "-o", tmp_path / "protected")
    assert status == 0, err
    report = json.loads(out)
    assert report["build"] == "sam"
    artifacts = tmp_path / "build"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    LambdaBuilder("python", "pip", None).build(
        str(tmp_path / "protected" / "orders"),
        str(artifacts),
        str(tmp_path / "scratch"),
        str(tmp_path / "protected" / "orders" / "requirements.txt"),
        runtime=version,
        executable_search_paths=[str(Path(sys.executable).parent)],
    )
    policy = report["environment"]["TW_POLICY"]
    status, _, err = defender("verify", artifacts, "--tw-policy", policy)
    assert status == 0, err
    run = subprocess.run(
        [sys.executable, "-c", INVOKE, artifacts],
        env={**os.environ, "TW_POLICY": policy},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout) == (0, f"{127 << 8}\n"), run.stderr
