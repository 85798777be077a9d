"""The command line as users meet it: real files, exit codes, what goes to which stream, nothing half-written.

One long file: it is read as the list of what the command line promises.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]
HANDLER = b"import os\n\n\ndef lambda_handler(event, context):\n    return {'ok': 1}\n"
DEFENDER = (sys.executable, "-m", "defender")


def make_zip(path: str = "f.zip", **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (members or {"lambda_function.py": HANDLER}).items():
            archive.writestr(name.replace("__", "/"), data)
    return Path(path)


def make_folder(name: str = "app") -> Path:
    folder = Path(name)
    (folder / "empty").mkdir(parents=True)
    (folder / "lambda_function.py").write_bytes(HANDLER)
    (folder / "run.sh").write_bytes(b"#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("run.sh")
    return folder


def state(folder: Path) -> dict[str, tuple[int, bytes | str]]:
    """Names, modes, contents and link targets: what "bit for bit" means for a folder."""
    found: dict[str, tuple[int, bytes | str]] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        content = os.readlink(path) if path.is_symlink() else b"" if path.is_dir() else path.read_bytes()
        found[name] = (path.lstat().st_mode, content)
    return found


def edit(package: str, name: str, change: Callable[[bytes], bytes]) -> None:
    """What an owner does to a protected package with an ordinary ZIP tool."""
    with zipfile.ZipFile(package) as archive:
        members = {info: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED) as archive:
        for info, data in members.items():
            archive.writestr(info, change(data) if info.filename == name else data)


def test_stdout_is_dotenv_and_all_else_goes_to_stderr(defender: Run) -> None:
    make_zip()
    status, out, err = defender("embed", "f.zip")
    assert status == 0
    assert out.startswith("TW_POLICY=")
    assert out.count("\n") == 1
    assert "protected" in err
    assert Path("f.protected.zip").is_file()


def test_quiet_says_nothing_and_still_gives_the_result(defender: Run) -> None:
    make_zip()
    status, out, err = defender("embed", "-q", "f.zip")
    assert (status, err) == (0, "")
    assert out.startswith("TW_POLICY=")


def test_json_has_the_documented_keys(defender: Run) -> None:
    make_zip()
    status, out, _ = defender("embed", "--json", "f.zip", "--function", "orders", "--region", "us-east-1")
    report = json.loads(out)
    keys = "input output runtime cloud build form functions environment changes skipped bundle warnings"
    assert status == 0
    assert {*keys.split(), "sha256", "code_sha256"} <= set(report)
    function = report["functions"][0]
    assert set(function) == {"name", "status", "settings", "handler", "file", "task_root", "environment"}
    assert (function["name"], function["status"]) == ("orders", "protected")
    assert function["handler"] == dict.fromkeys(("before", "after"), "lambda_function.lambda_handler")
    digest = hashlib.sha256(Path("f.protected.zip").read_bytes())
    assert report["sha256"] == digest.hexdigest()
    assert base64.b64decode(report["code_sha256"]) == digest.digest()


@pytest.mark.parametrize("make", [make_zip, make_folder])
def test_embedding_twice_changes_nothing_and_removal_gives_back_all(
    make: Callable[[], Path], defender: Run
) -> None:
    source = make()
    suffix = source.suffix
    assert defender("embed", source, "-o", f"one{suffix}")[0] == 0
    assert defender("embed", f"one{suffix}", "-o", f"two{suffix}")[0] == 0
    assert defender("remove", f"two{suffix}", "-o", f"back{suffix}")[0] == 0
    if suffix:
        assert Path("one.zip").read_bytes() == Path("two.zip").read_bytes()
        assert Path("back.zip").read_bytes() == source.read_bytes()
    else:
        assert state(Path("one")) == state(Path("two"))
        assert state(Path("back")) == state(source)
        assert "twistlock/defender.json" in state(Path("one"))


def test_in_place(defender: Run) -> None:
    before = make_zip().read_bytes()
    assert defender("embed", "--in-place", "f.zip")[0] == 0
    assert Path("f.zip").read_bytes() != before
    assert defender("remove", "--in-place", "f.zip")[0] == 0
    assert Path("f.zip").read_bytes() == before
    folder = make_folder()
    original = state(folder)
    assert defender("embed", "--in-place", folder)[0] == 0
    embedded = state(folder)
    assert embedded != original
    assert defender("embed", "--in-place", folder)[0] == 0
    assert state(folder) == embedded
    assert defender("remove", "--in-place", folder)[0] == 0
    assert state(folder) == original


def test_embedding_again_in_place_writes_what_it_reports(defender: Run) -> None:
    """Other options, and a handler that came since: the folder itself changes, not a copy of it."""
    folder = make_folder()
    original = state(folder)
    assert defender("embed", "--in-place", folder)[0] == 0
    assert defender("embed", "--in-place", folder, "--on-failure", "closed", "--baked-policy")[0] == 0
    embedded = state(folder)
    assert b'on_failure = "closed"' in embedded["twistlock/_settings.py"][1]
    assert "twistlock/policy.json" in embedded
    assert defender("embed", folder, "-o", "other", "--on-failure", "closed", "--baked-policy")[0] == 0
    assert state(Path("other")) == embedded
    handler = folder / "lambda_function.py"
    handler.write_bytes(handler.read_bytes() + b"\n\ndef second(event, context):\n    return 2\n")
    handlers = ("--handler", "lambda_function.lambda_handler", "--handler", "lambda_function.second")
    assert defender("embed", "--in-place", folder, *handlers)[0] == 0
    assert handler.read_bytes().count(b"@twistlock.serverless.handler") == 2
    assert "twistlock/policy.json" not in state(folder)
    assert defender("verify", folder)[0] == 0
    assert defender("remove", "--in-place", folder)[0] == 0
    assert set(state(folder)) == set(original)
    assert handler.read_bytes() == HANDLER + b"\n\ndef second(event, context):\n    return 2\n"


@pytest.mark.parametrize("make", [make_zip, make_folder])
def test_a_protected_input_is_no_output_either(make: Callable[[], Path], defender: Run) -> None:
    source = make()
    protected = f"protected{source.suffix}"
    assert defender("embed", source, "-o", protected)[0] == 0
    before = state(Path())
    for output in (protected, *([f"{protected}/inside"] if not source.suffix else [])):
        status, _, err = defender("embed", protected, "-o", output, "--force")
        assert status == 2, err
    assert state(Path()) == before


def test_a_folder_packed_as_zip_and_removed_from_it(defender: Run) -> None:
    folder = make_folder()
    assert defender("embed", folder, "--zip")[0] == 0
    assert defender("embed", folder, "--zip", "-o", "again.zip")[0] == 0
    assert Path("app.protected.zip").read_bytes() == Path("again.zip").read_bytes()
    with zipfile.ZipFile("again.zip") as archive:
        assert archive.testzip() is None
        assert archive.getinfo("run.sh").external_attr >> 16 & 0o777 == 0o755
    assert defender("remove", "again.zip", "-o", "back.zip")[0] == 0
    with zipfile.ZipFile("back.zip") as archive:
        assert archive.read("lambda_function.py") == HANDLER
        assert not [name for name in archive.namelist() if name.startswith("twistlock")]


def test_a_protected_zip_that_was_unpacked_can_be_undone(defender: Run) -> None:
    make_zip()
    assert defender("embed", "f.zip")[0] == 0
    shutil.unpack_archive("f.protected.zip", "unpacked")
    assert defender("verify", "unpacked")[0] == 0
    assert defender("remove", "unpacked", "-o", "back")[0] == 0
    assert {name: content for name, (_, content) in state(Path("back")).items()} == {
        "lambda_function.py": HANDLER
    }


def test_an_edit_made_after_embedding_survives(defender: Run) -> None:
    make_zip()
    assert defender("embed", "f.zip")[0] == 0
    edit("f.protected.zip", "lambda_function.py", lambda data: data.replace(b"'ok': 1", b"'ok': 2"))
    assert defender("embed", "f.protected.zip", "-o", "again.zip")[0] == 0
    with zipfile.ZipFile("again.zip") as archive:
        assert archive.read("lambda_function.py").count(b"twistlock") == 2
        assert b"'ok': 2" in archive.read("lambda_function.py")
    status, _, err = defender("remove", "f.protected.zip", "-o", "back.zip")
    assert status == 0
    assert "was edited since embedding" in err
    with zipfile.ZipFile("back.zip") as archive:
        assert archive.namelist() == ["lambda_function.py"]
        assert archive.read("lambda_function.py") == HANDLER.replace(b"'ok': 1", b"'ok': 2")


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (
            "lambda_function.py",
            lambda data: data.replace(b"@twistlock.serverless.handler\n", b"@twistlock\n"),
            "inserted",
        ),
        ("lambda_function.py", lambda data: data + b"import twistlock.serverless\n", "2 times instead of 1"),
        ("twistlock/serverless.py", lambda data: data + b"# mine\n", "edited since embedding"),
        ("twistlock/_settings.py", lambda data: data.replace(b"open", b"shut"), "edited since embedding"),
    ],
)
def test_what_can_not_be_told_apart_is_left_alone(
    name: str, change: Callable[[bytes], bytes], message: str, defender: Run
) -> None:
    make_zip()
    assert defender("embed", "f.zip")[0] == 0
    edit("f.protected.zip", name, change)
    for command in ("remove", "embed"):
        status, out, err = defender(command, "f.protected.zip", "-o", "back.zip")
        assert (status, out) == (5, "")
        assert message in err
        assert name in err
        assert not Path("back.zip").exists()


@pytest.mark.parametrize(
    ("forge", "message"),
    [
        (lambda _: b"{", "damaged"),
        (lambda data: data.replace(b'"format": 1', b'"format": 9'), "format 9"),
        (
            lambda data: data.replace(b'"path": "lambda_function.py"', b'"path": "../../etc/passwd"'),
            "outside",
        ),
        (lambda data: data.replace(b'"path": "lambda_function.py"', b'"path": "/etc/passwd"'), "outside"),
    ],
)
def test_a_forged_manifest_is_refused(forge: Callable[[bytes], bytes], message: str, defender: Run) -> None:
    make_zip()
    assert defender("embed", "f.zip")[0] == 0
    edit("f.protected.zip", "twistlock/defender.json", forge)
    status, _, err = defender("remove", "f.protected.zip", "-o", "back.zip")
    assert status == 3
    assert message in err
    assert not Path("back.zip").exists()


def test_a_forged_hash_does_not_bring_other_content(defender: Run) -> None:
    """The manifest claims another original than the backup holds: refused, since neither can be trusted."""
    make_zip()
    assert defender("embed", "f.zip")[0] == 0

    def forge(data: bytes) -> bytes:
        manifest = json.loads(data)
        manifest["changed"][0]["before"] = "0" * 64
        return json.dumps(manifest).encode()

    edit("f.protected.zip", "twistlock/defender.json", forge)
    status, _, err = defender("remove", "f.protected.zip", "-o", "back.zip")
    assert status == 5
    assert "backup does not hold what the manifest says" in err


def test_expected_hash(defender: Run) -> None:
    digest = hashlib.sha256(make_zip().read_bytes()).hexdigest()
    defender("embed", "f.zip")
    status, _, err = defender("remove", "f.protected.zip", "-o", "back.zip", "--expect-sha256", "0" * 64)
    assert status == 7
    assert digest in err
    assert not Path("back.zip").exists()
    status, out, _ = defender("remove", "f.protected.zip", "-o", "back.zip", "--expect-sha256", digest)
    assert (status, out) == (0, f"{digest}  back.zip\n")


def test_verify_finds_what_is_wrong(defender: Run) -> None:
    make_zip()
    status, _, err = defender("verify", "f.zip")
    assert status == 7
    assert "not embedded" in err
    out = defender("embed", "f.zip")[1]
    policy = out.removeprefix("TW_POLICY=").strip()
    assert defender("verify", "f.protected.zip", "--tw-policy", policy)[0] == 0
    assert defender("verify", "f.protected.zip", "--tw-policy", policy[:-8])[0] == 7
    edit(
        "f.protected.zip",
        "lambda_function.py",
        lambda data: data.replace(b"@twistlock.serverless.handler\n", b""),
    )
    status, _, err = defender("verify", "f.protected.zip")
    assert status == 7
    assert "is not wrapped" in err


def test_verify_does_not_believe_the_manifest(defender: Run) -> None:
    """A package whose manifest was made to fit an unwrapped handler and another library."""
    make_zip()
    defender("embed", "f.zip")
    unwrapped = HANDLER
    edit("f.protected.zip", "lambda_function.py", lambda _: unwrapped)
    edit("f.protected.zip", "twistlock/libdefender-linux-x86_64", lambda _: b"\x7fELF nothing")

    def forge(data: bytes) -> bytes:
        manifest = json.loads(data)
        manifest["changed"][0]["after"] = hashlib.sha256(unwrapped).hexdigest()
        for one in manifest["added"]:
            if one["path"].endswith("x86_64.so"):
                one["sha256"] = hashlib.sha256(b"\x7fELF nothing").hexdigest()
        return json.dumps(manifest).encode()

    edit("f.protected.zip", "twistlock/defender.json", forge)
    status, _, err = defender("verify", "f.protected.zip")
    assert status == 7
    assert "is not wrapped" in err
    assert "is not the file of" in err


def test_the_users_own_twistlock_folder_is_not_touched(defender: Run) -> None:
    make_zip(**{"lambda_function.py": HANDLER, "twistlock__mine.py": b"x = 1\n"})
    status, _, err = defender("embed", "f.zip")
    assert status == 5
    assert "neither ours nor a console's bundle" in err


def customers_bundle() -> Path:
    with zipfile.ZipFile("bundle.zip", "w") as archive:
        for name in ("__init__.py", "serverless.py"):
            archive.writestr(f"twistlock/{name}", b"def handler(f): return f\n")
        archive.writestr("twistlock/native_python.so", b"\x7fELF")
    return Path("bundle.zip")


def test_a_customers_bundle(defender: Run) -> None:
    make_zip()
    bundle = customers_bundle()
    assert defender("embed", "f.zip", "--bundle", bundle)[0] == 2
    status, out, _ = defender(
        "embed", "f.zip", "--bundle", bundle, "--tw-policy", "whatever the console made"
    )
    assert (status, out) == (0, "TW_POLICY=whatever the console made\n")
    with zipfile.ZipFile("f.protected.zip") as archive:
        assert "twistlock/native_python.so" in archive.namelist()
        assert "twistlock/bundle.json" not in archive.namelist()
    status, _, err = defender("verify", "f.protected.zip")
    assert status == 7
    assert "--bundle" in err
    status, _, err = defender(
        "verify", "f.protected.zip", "--bundle", bundle, "--tw-policy", "a console's string"
    )
    assert status == 0, err
    assert "bundle customer's bundle" in err
    assert defender("remove", "f.protected.zip", "-o", "back.zip")[0] == 0
    assert Path("back.zip").read_bytes() == Path("f.zip").read_bytes()


def test_verify_compares_a_bundle_with_what_is_known_outside_of_the_package(defender: Run) -> None:
    """A manifest that claims another bundle, or another version, makes nothing of the package evident."""
    make_zip()
    bundle = customers_bundle()
    assert defender("embed", "f.zip")[0] == 0
    for claim in (
        (b'"bundle_version": "', b'"bundle_version": "9'),
        (b'"bundle": "defender"', b'"bundle": "x"'),
    ):
        shutil.copy("f.protected.zip", "claims.zip")
        edit("claims.zip", "twistlock/defender.json", lambda data, claim=claim: data.replace(*claim))
        status, _, err = defender("verify", "claims.zip")
        assert status == 7
        assert "--bundle" in err
    assert defender("verify", "f.protected.zip", "--bundle", bundle)[0] == 7


def test_an_async_handler_is_more_than_a_customers_bundle_can_do(defender: Run) -> None:
    make_zip(**{"lambda_function.py": b"async " + HANDLER[HANDLER.index(b"def") :]})
    status, _, err = defender("embed", "f.zip", "--bundle", customers_bundle(), "--tw-policy", "x")
    assert status == 5
    assert "async" in err
    assert defender("embed", "f.zip")[0] == 0


def test_another_bundle_in_the_package_is_replaced_only_when_asked(defender: Run) -> None:
    customers_bundle()
    with zipfile.ZipFile("f.zip", "w") as archive, zipfile.ZipFile("bundle.zip") as bundle:
        archive.writestr("lambda_function.py", HANDLER)
        for name in bundle.namelist():
            archive.writestr(name, bundle.read(name) + b" older")
    assert defender("embed", "f.zip")[0] == 5
    assert defender("embed", "f.zip", "--replace-bundle")[0] == 0
    with zipfile.ZipFile("f.protected.zip") as archive:
        assert archive.namelist().count("twistlock/serverless.py") == 1
        assert "twistlock/native_python.so" not in archive.namelist()
    assert defender("remove", "f.protected.zip", "-o", "back.zip")[0] == 0
    assert Path("back.zip").read_bytes() == Path("f.zip").read_bytes()


TEMPLATE = b"""Transform: AWS::Serverless-2016-10-31
Resources:
  A:
    Type: AWS::Serverless::Function
    Properties:
      {name}
      CodeUri: a
      Handler: app.handler
      Runtime: python3.12
      Architectures: [{arch}]
  B:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: b
      Handler: app.handler
      Runtime: python3.12
"""


def sam_project(name: bytes = b"", arch: bytes = b"arm64") -> Path:
    folder = Path("sam")
    for part in ("a", "b"):
        (folder / part).mkdir(parents=True)
        (folder / part / "app.py").write_bytes(b"def handler(event, context):\n    return 1\n")
    text = TEMPLATE.replace(b"      {name}\n", b"      FunctionName: " + name + b"\n" if name else b"")
    (folder / "template.yaml").write_bytes(text.replace(b"{arch}", arch))
    return folder


def test_each_function_gets_the_agent_in_its_own_root(defender: Run) -> None:
    folder = sam_project()
    status, out, _ = defender("embed", folder)
    assert status == 0
    assert out.count("TW_POLICY=") == 1
    names = state(Path("sam.protected"))
    for part in ("a", "b"):
        assert f"{part}/twistlock/serverless.py" in names
        manifest = json.loads(names[f"{part}/twistlock/defender.json"][1])
        assert [one["path"] for one in manifest["changed"]] == ["app.py"]
    assert defender("verify", "sam.protected")[0] == 0
    shutil.copytree("sam.protected/a", "deployed")
    assert defender("verify", "deployed")[0] == 0
    assert defender("remove", "deployed", "-o", "undone")[0] == 0
    assert list(state(Path("undone"))) == ["app.py"]
    assert defender("remove", "sam.protected", "-o", "back")[0] == 0
    assert state(Path("back")) == state(folder)


def test_functions_with_different_environments_need_json(defender: Run) -> None:
    folder = sam_project(name=b"orders")
    Path("defender.toml").write_text(
        '[[rule]]\nname = "one"\nfunctions = ["orders"]\n[rule.processes]\neffect = "prevent"\nblock_all = true\n'
        '[[rule]]\nname = "two"\nfunctions = ["*"]\n[rule.processes]\neffect = "alert"\nblock_all = true\n'
    )
    (folder / "b" / "app.py").rename(folder / "b" / "other.py")
    text = (folder / "template.yaml").read_bytes()
    at = text.rindex(b"app.handler")
    (folder / "template.yaml").write_bytes(text[:at] + b"other.handler" + text[at + 11 :])
    status, out, err = defender("embed", folder, "--function", "other.handler=x")
    assert (status, out) == (2, "")
    assert "--json" in err
    assert not Path("sam.protected").exists()
    status, out, _ = defender("embed", folder, "--function", "other.handler=x", "--json")
    report = json.loads(out)
    assert status == 0
    assert report["environment"] is None
    assert [one["status"] for one in report["functions"]] == ["protected", "not-enforced"]


def test_arm64_is_more_than_a_customers_bundle_can_do(defender: Run) -> None:
    folder = sam_project()
    status, _, err = defender("embed", folder, "--bundle", customers_bundle(), "--tw-policy", "x")
    assert status == 5
    assert "arm64" in err


def test_several_inputs(defender: Run) -> None:
    make_zip("one.zip")
    make_zip("two.zip")
    Path("bad.zip").write_bytes(b"no archive")
    status, out, err = defender("embed", "--jobs", "3", "one.zip", "bad.zip", "two.zip")
    assert status == 3
    assert "bad.zip" in err
    assert out.count("TW_POLICY=") == 1
    assert Path("one.protected.zip").is_file()
    assert Path("two.protected.zip").is_file()


def test_two_inputs_with_one_output(defender: Run) -> None:
    make_zip("one.zip")
    status, _, err = defender("embed", "one.zip", "./one.zip")
    assert status == 2
    assert "both be written" in err
    assert not Path("one.protected.zip").exists()


def test_dry_run_shows_the_diff_and_writes_nothing(defender: Run) -> None:
    make_zip()
    status, _, err = defender("embed", "--dry-run", "f.zip")
    assert status == 0
    assert "+@twistlock.serverless.handler" in err
    assert [path.name for path in Path().iterdir()] == ["f.zip"]


def test_baked_policy(defender: Run) -> None:
    make_zip()
    status, out, _ = defender("embed", "--baked-policy", "f.zip")
    assert (status, out) == (0, "")
    with zipfile.ZipFile("f.protected.zip") as archive:
        assert json.loads(archive.read("twistlock/policy.json"))["runtime"]["name"] == "default"
    status, _, err = defender("verify", "f.protected.zip")
    assert status == 0
    assert "rule 'default'" in err


def test_a_policy_too_long_for_the_environment_is_packaged(defender: Run) -> None:
    make_zip()
    denied = ", ".join(f'"/usr/bin/program-{number}"' for number in range(300))
    Path("defender.toml").write_text(
        f'[[rule]]\nname = "r"\n[rule.processes]\neffect = "prevent"\ndeny = [{denied}]\n'
    )
    status, out, err = defender("embed", "f.zip")
    assert status == 0
    assert len(out) < 400
    assert "too long for the environment" in err
    assert (
        defender("verify", "f.protected.zip", "--tw-policy", out.removeprefix("TW_POLICY=").strip())[0] == 0
    )


def test_a_policy_inside_of_the_input_has_to_be_named(defender: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_folder()
    (folder / "defender.toml").write_text("")
    monkeypatch.chdir(folder)
    status, out, err = defender("embed", ".", "-o", "../out")
    assert (status, out) == (2, "")
    assert "--policy defender.toml" in err
    status, out, _ = defender("embed", ".", "-o", "../out", "--policy", "defender.toml", "--json")
    assert (status, json.loads(out)["functions"][0]["status"]) == (0, "not-enforced")


def test_trial_and_no_rule_are_not_called_protected(defender: Run) -> None:
    make_zip()
    status, out, _ = defender("embed", "--effect", "alert", "--json", "f.zip")
    assert (status, json.loads(out)["functions"][0]["status"]) == (0, "not-enforced")
    Path("defender.toml").write_text("")
    status, out, err = defender("embed", "--json", "--force", "f.zip")
    assert (status, json.loads(out)["functions"][0]["status"]) == (0, "not-enforced")
    assert "nothing will be enforced" in err


def test_options_from_the_environment(defender: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    make_zip("f.zip", **{"app.py": HANDLER})
    monkeypatch.setenv("DEFENDER_HANDLER", "app.lambda_handler")
    monkeypatch.setenv("DEFENDER_ON_FAILURE", "closed")
    monkeypatch.setenv("DEFENDER_OUTPUT", "named.zip")
    assert defender("embed", "f.zip")[0] == 0
    with zipfile.ZipFile("named.zip") as archive:
        assert b'on_failure = "closed"' in archive.read("twistlock/_settings.py")


@pytest.mark.parametrize(("variable", "coloured"), [("NO_COLOR", False), ("FORCE_COLOR", True)])
def test_colours(variable: str, coloured: bool) -> None:
    make_zip()
    environment = {**os.environ, variable: "1"}
    run = subprocess.run([*DEFENDER, "inspect", "f.zip"], env=environment, capture_output=True, check=True)
    assert (b"\033[" in run.stderr) == coloured


BAD = {
    "nothing there": (["embed", "none.zip"], 3, "can't be read"),
    "text": (["embed", "text.zip"], 3, "no ZIP file"),
    "empty file": (["embed", "empty.zip"], 3, "empty"),
    "empty folder": (["embed", "nothing"], 3, "no files"),
    "no function": (["embed", "docs"], 4, "no function found"),
    "another language": (["embed", "java.zip"], 4, "Java"),
    "no such handler": (["embed", "f.zip", "--handler", "app.handler"], 4, "app.handler"),
    "malformed handler": (
        ["embed", "f.zip", "--handler", "app", "--runtime", "python"],
        4,
        "no Python handler",
    ),
    "unknown runtime": (["embed", "f.zip", "--runtime", "cobol"], 4, "cobol"),
    "syntax error": (["embed", "broken.zip"], 5, "lambda_function.py:1"),
    "bad policy": (["embed", "f.zip", "--policy", "bad.toml"], 6, "bad.toml:2"),
    "no policy file": (["embed", "f.zip", "--policy", "none.toml"], 6, "none.toml"),
    "bad string": (["embed", "f.zip", "--tw-policy", "x"], 6, "base64"),
    "no command": (["embde"], 2, "No such command"),
    "no input": (["embed"], 2, "Missing argument"),
    "unknown option": (["embed", "f.zip", "--polcy", "x"], 2, "No such option"),
    "output twice": (["embed", "f.zip", "-o", "x.zip", "--in-place"], 2, "exclude"),
    "output in nowhere": (["embed", "f.zip", "-o", "no/x.zip"], 2, "does not exist"),
    "name for nobody": (["embed", "f.zip", "--function", "x.y=z"], 2, "no function of the package"),
    "nothing to remove": (["remove", "f.zip"], 3, "nothing to remove"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case: str, defender: Run) -> None:
    arguments, expected, message = BAD[case]
    make_zip()
    make_zip("java.zip", **{"App.java": b"class App {}\n"})
    make_zip("broken.zip", **{"lambda_function.py": b"def lambda_handler(:\n"})
    Path("text.zip").write_text("no archive")
    Path("empty.zip").touch()
    Path("nothing").mkdir()
    Path("docs").mkdir()
    Path("docs/readme.md").write_text("#")
    Path("bad.toml").write_text("[[rule]]\nname = \n")
    before = sorted(Path().iterdir())
    status, out, err = defender(*arguments)
    assert (status, out) == (expected, "")
    assert message in err.replace("\n", " ")
    assert "Traceback" not in err
    assert sorted(Path().iterdir()) == before


def test_sigterm_leaves_nothing(tmp_path: Path) -> None:
    """The signal arrives while the output is being written: a slow writer stands for a slow disk."""
    make_zip()
    program = (
        "import os, signal, sys\n"
        "from defender import cli\n"
        "from defender.archive import output\n"
        "def stop(*_):\n"
        "    assert [n for n in os.listdir('.') if n.startswith('.defender-')]\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "output.write_all = stop\n"
        "sys.argv = ['defender', 'embed', 'f.zip']\n"
        "cli.main()\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode in (130, -signal.SIGTERM), run.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["f.zip"]


def test_version() -> None:
    run = subprocess.run([*DEFENDER, "--version"], capture_output=True, text=True, check=True)
    assert run.stdout.startswith("defender, version ")
