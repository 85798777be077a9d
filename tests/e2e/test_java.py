"""Built Java packages from the command line: JARs and ZIPs, what has to be set, verified, embedded again, removed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]
FIXTURES = Path(__file__).parents[2] / "fixtures" / "java"
AGENTS = "com.twistlock.serverless.ProtectedHandler"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A JAR as a build tool makes it."""
    monkeypatch.chdir(tmp_path)
    subprocess.run(["jar", "cf", "function.jar", "-C", FIXTURES / "request-handler" / "in", "."], check=True)
    return tmp_path / "function.jar"


def test_a_jar(defender: Run, package: Path) -> None:
    code, out, err = defender("embed", package, "--function", "orders")
    assert code == 0, err
    lines = dict(line.split("=", 1) for line in out.splitlines())
    assert lines["TW_HANDLER"] == "example.Hello::handleRequest"
    assert set(lines) == {"TW_POLICY", "TW_HANDLER"}
    assert f"change the handler setting from example.Hello::handleRequest to {AGENTS}" in err.replace(
        "\n", " "
    )
    protected = package.with_name("function.protected.jar")
    names = subprocess.run(
        ["jar", "tf", protected], capture_output=True, text=True, check=True
    ).stdout.split()
    assert names[:2] == ["META-INF/", "META-INF/MANIFEST.MF"]
    assert {"com/twistlock/serverless/Twistlock.class", "twistlock/defender.json"} <= set(names)
    code, out, err = defender("verify", protected, "--tw-policy", lines["TW_POLICY"])
    assert code == 0, err


def test_json(defender: Run, package: Path) -> None:
    code, out, _ = defender("embed", package, "--json")
    assert code == 0
    (function,) = json.loads(out)["functions"]
    assert function["status"] == "pending"
    assert function["handler"] == {"before": "example.Hello::handleRequest", "after": AGENTS}
    assert function["file"] == "example/Hello.class"


def test_alert_only_is_not_pending(defender: Run, package: Path) -> None:
    code, out, _ = defender("embed", package, "--json", "--effect", "alert")
    assert code == 0
    assert [one["status"] for one in json.loads(out)["functions"]] == ["not-enforced"]


def test_again_and_back(defender: Run, package: Path) -> None:
    first, second, back = (package.with_name(name) for name in ("1.jar", "2.jar", "back.jar"))
    assert defender("embed", package, "-o", first)[0] == 0
    assert defender("embed", first, "-o", second)[0] == 0
    assert second.read_bytes() == first.read_bytes()
    code, _, err = defender("remove", second, "-o", back)
    assert code == 0
    assert back.read_bytes() == package.read_bytes()
    assert f"back from {AGENTS} to example.Hello::handleRequest" in err.replace("\n", " ")


@pytest.mark.parametrize(
    "missing", ["com/twistlock/serverless/ProtectedHandler.class", "example/Hello.class"]
)
def test_verify_sees_what_is_missing(missing: str, defender: Run, package: Path) -> None:
    protected = package.with_name("protected.jar")
    assert defender("embed", package, "-o", protected)[0] == 0
    subprocess.run(["zip", "-q", "-d", protected, missing], check=True)
    assert defender("verify", protected)[0] == 7


def test_verify_sees_a_changed_class(defender: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = FIXTURES / "request-handler" / "in"
    assert defender("embed", source, "-o", "protected", "--runtime", "java17")[0] == 0
    (tmp_path / "protected" / "com" / "twistlock" / "serverless" / "Core.class").write_bytes(b"other")
    assert defender("verify", "protected")[0] == 7


@pytest.mark.parametrize("name", ["twistlock/other", "com/twistlock/serverless/Twistlock.class"])
def test_a_folder_of_the_agents_name(name: str, defender: Run, package: Path, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text("other")
    subprocess.run(["zip", "-q", package, name], check=True)
    code, _, err = defender("embed", package)
    assert code == 5
    assert "folder of the agent's name" in err.replace("\n", " ")


def test_a_customers_bundle(defender: Run, package: Path) -> None:
    code, _, err = defender("embed", package, "--bundle", package, "--tw-policy", "x")
    assert code == 5
    assert "no entry point" in err.replace("\n", " ")
