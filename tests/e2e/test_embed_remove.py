"""Embedding and removing with the real command: twice, after edits, and with manifests that lie."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]
MANIFEST, BACKUP = "twistlock/defender.json", "twistlock/defender.bin"


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewrite(path: Path, changes: Mapping[str, bytes | None]) -> Path:
    """What a user does to a package with other tools: files changed, added, taken out (None)."""
    now = {**contents(path), **changes}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in now.items():
            if data is not None:
                archive.writestr(name, data)
    return path


def tree(root: Path) -> dict[str, tuple[str, int]]:
    """Names with content or link target, and permission bits."""
    found = {}
    for above, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(above, name)
            content = (
                str(path.readlink()) if path.is_symlink() else path.is_file() and path.read_text("latin-1")
            )
            found[str(path.relative_to(root))] = str(content), path.lstat().st_mode
    return found


def test_a_zip_comes_back_bit_for_bit(defender: Run, package: Path) -> None:
    original = package.read_bytes()
    assert defender("embed", package)[0] == 0
    protected = Path("function.protected.zip")
    assert package.read_bytes() == original
    assert MANIFEST in contents(protected)
    assert contents(protected)["lambda_function.py"] != contents(package)["lambda_function.py"]
    status, out, _ = defender("remove", protected, "-o", "back.zip")
    assert status == 0
    assert Path("back.zip").read_bytes() == original
    assert out == f"{hashlib.sha256(original).hexdigest()}  back.zip\n"


def test_only_bytes_are_inserted(defender: Run, package: Path) -> None:
    defender("embed", package)
    before, after = (
        contents(Path(name))["lambda_function.py"] for name in (package, "function.protected.zip")
    )
    position = 0
    for byte in before:
        position = after.index(byte, position) + 1
    assert after.endswith(b"def lambda_handler(event, context):\n    return json.dumps(event)\n")


def test_embedding_again_gives_the_same_bytes(defender: Run, package: Path) -> None:
    first = defender("embed", package, "-o", "one.zip")
    second = defender("embed", "one.zip", "-o", "two.zip")
    third = defender("embed", package, "-o", "three.zip")
    assert (first[0], second[0], third[0]) == (0, 0, 0)
    assert first[1] == second[1] == third[1]
    one, two, three = (Path(f"{name}.zip").read_bytes() for name in ("one", "two", "three"))
    assert one == two == three


def test_a_folder_comes_back(defender: Run, folder: Path) -> None:
    original = tree(folder)
    assert defender("embed", folder)[0] == 0
    protected = Path("app.protected")
    assert tree(folder) == original
    assert defender("embed", protected, "-o", "again")[0] == 0
    assert tree(Path("again")) == tree(protected)
    assert defender("remove", protected, "-o", "back")[0] == 0
    assert tree(Path("back")) == original


def test_in_place(defender: Run, package: Path, folder: Path) -> None:
    original, files = package.read_bytes(), tree(folder)
    assert defender("embed", package, folder, "--in-place")[0] == 0
    assert MANIFEST in contents(package)
    assert (folder / MANIFEST).is_file()
    once, files_once = package.read_bytes(), tree(folder)
    assert defender("embed", package, folder, "--in-place")[0] == 0
    assert (package.read_bytes(), tree(folder)) == (once, files_once)
    assert defender("remove", package, folder, "--in-place")[0] == 0
    assert (package.read_bytes(), tree(folder)) == (original, files)


def test_a_folder_packed_into_a_zip(defender: Run, folder: Path) -> None:
    assert defender("embed", folder, "--zip")[0] == 0
    packed = Path("app.protected.zip")
    assert defender("embed", folder, "--zip", "-o", "again.zip")[0] == 0
    assert packed.read_bytes() == Path("again.zip").read_bytes()
    assert defender("verify", packed)[0] == 0
    assert defender("remove", packed, "-o", "back.zip")[0] == 0
    files = {name for name in contents(Path("back.zip")) if not name.endswith("/")}
    assert files == {"lambda_function.py", "vendor/__init__.py", "run.sh", "link.py"}
    assert contents(Path("back.zip"))["lambda_function.py"] == (folder / "lambda_function.py").read_bytes()


def test_an_edit_survives_removing(defender: Run, package: Path) -> None:
    defender("embed", package)
    protected = Path("function.protected.zip")
    edited = contents(protected)["lambda_function.py"].replace(b"return json", b"print(1)\n    return json")
    rewrite(protected, {"lambda_function.py": edited})
    status, _, err = defender("remove", protected, "-o", "back.zip")
    assert status == 0
    assert "lambda_function.py: was edited since embedding" in err
    expected = contents(package)["lambda_function.py"].replace(b"return json", b"print(1)\n    return json")
    assert contents(Path("back.zip"))["lambda_function.py"] == expected
    assert not [name for name in contents(Path("back.zip")) if name.startswith("twistlock")]


def test_an_edit_survives_embedding_again(defender: Run, package: Path) -> None:
    defender("embed", package)
    protected = Path("function.protected.zip")
    edited = contents(protected)["lambda_function.py"].replace(b"return json", b"print(1)\n    return json")
    rewrite(protected, {"lambda_function.py": edited, "new.py": b"y = 2\n"})
    assert defender("embed", protected, "-o", "again.zip")[0] == 0
    after = contents(Path("again.zip"))
    assert after["lambda_function.py"] == edited
    assert after["new.py"] == b"y = 2\n"
    assert defender("verify", "again.zip")[0] == 0


@pytest.mark.parametrize("command", ["embed", "remove"])
def test_an_edited_insertion_is_refused(command: str, defender: Run, package: Path) -> None:
    defender("embed", package)
    protected = Path("function.protected.zip")
    code = contents(protected)["lambda_function.py"]
    assert code.count(b"twistlock") >= 1
    rewrite(protected, {"lambda_function.py": code.replace(b"twistlock", b"twistlock_")})
    status, out, err = defender(command, protected, "-o", "out.zip")
    assert (status, out) == (5, "")
    assert "lambda_function.py" in err
    assert not Path("out.zip").exists()


@pytest.mark.parametrize("command", ["embed", "remove"])
def test_an_edited_file_of_ours_is_refused(command: str, defender: Run, package: Path) -> None:
    defender("embed", package)
    protected = rewrite(Path("function.protected.zip"), {"twistlock/serverless.py": b"mine\n"})
    status, out, err = defender(command, protected, "-o", "out.zip")
    assert (status, out) == (5, "")
    assert "twistlock/serverless.py: this file of the agent was edited since embedding" in err
    assert not Path("out.zip").exists()


def test_files_that_are_gone_stay_gone(defender: Run, package: Path) -> None:
    defender("embed", package)
    protected = rewrite(
        Path("function.protected.zip"), {"lambda_function.py": None, "twistlock/.gitignore": None}
    )
    status, _, err = defender("remove", protected, "-o", "back.zip")
    assert status == 0
    assert "lambda_function.py: is gone since embedding" in err
    assert set(contents(Path("back.zip"))) == {"vendor/__init__.py"}


def forged(manifest: dict[str, object], **changes: object) -> bytes:
    return json.dumps({**manifest, **changes}).encode()


FORGED: dict[str, tuple[Callable[[dict[str, list[dict[str, object]]]], object], int, str]] = {
    "not JSON": (lambda m: None, 3, "the manifest is damaged"),
    "another format": (lambda m: m.update(format=99), 3, "the manifest has format 99"),
    "a path that climbs out": (lambda m: m["changed"][0].update(path="../../etc/passwd"), 3, "outside"),
    "an absolute path": (lambda m: m["added"][0].update(path="/etc/passwd"), 3, "outside"),
    "a NUL": (lambda m: m["added"][0].update(path="a\0b"), 3, "outside"),
    "a dropped file outside": (lambda m: m["dropped"].append({"path": "../x", "sha256": ""}), 3, "outside"),
    "a wrong hash before": (lambda m: m["changed"][0].update(before="0" * 64), 5, "lambda_function.py"),
    "a user's file as ours": (
        lambda m: m["added"].append({"path": "vendor/__init__.py", "sha256": "0" * 64}), 5, "vendor/__init__.py"
    ),
    "other insertions": (
        lambda m: m["changed"][0].update(insertions=[{"at": 0, "data": base64.b64encode(b"import").decode()}]),
        5,
        "lambda_function.py",
    ),
    "an insertion far away": (
        lambda m: m["changed"][0].update(insertions=[{"at": 1 << 60, "data": "eA=="}]), 5, "lambda_function.py"
    ),
    "a file that is not kept": (
        lambda m: m["dropped"].append({"path": "secret.py", "sha256": "0" * 64}), 3, "defender.bin"
    ),
}  # fmt: skip


@pytest.mark.parametrize("command", ["embed", "remove"])
@pytest.mark.parametrize("case", FORGED)
def test_a_manifest_that_lies(case: str, command: str, defender: Run, package: Path) -> None:
    forge, code, message = FORGED[case]
    defender("embed", package)
    protected = Path("function.protected.zip")
    manifest = json.loads(contents(protected)[MANIFEST])
    forge(manifest)
    rewrite(protected, {MANIFEST: b"{" if case == "not JSON" else json.dumps(manifest).encode()})
    status, out, err = defender(command, protected, "-o", "out.zip")
    assert (status, out) == (code, ""), err
    assert message in err
    assert sorted(path.name for path in Path().iterdir()) == ["function.protected.zip", "function.zip"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: b"XXXX" + data[4:],
        lambda data: data + b"x",
        None,
    ],
)
def test_a_backup_that_is_damaged(
    damage: Callable[[bytes], bytes] | None, defender: Run, package: Path
) -> None:
    defender("embed", package)
    protected = Path("function.protected.zip")
    rewrite(protected, {BACKUP: damage(contents(protected)[BACKUP]) if damage else None})
    status, out, err = defender("remove", protected, "-o", "out.zip")
    assert (status, out) == (3, "")
    assert "defender.bin" in err
    assert not Path("out.zip").exists()


def test_removing_what_was_never_embedded(defender: Run, package: Path, folder: Path) -> None:
    status, out, err = defender("remove", package, folder)
    assert (status, out) == (3, "")
    assert err.count("nothing to remove") == 2


def test_only_the_expected_hash_is_restored(defender: Run, package: Path, folder: Path) -> None:
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    defender("embed", package)
    protected = Path("function.protected.zip")
    assert defender("remove", protected, "-o", "back.zip", "--expect-sha256", digest.upper())[0] == 0
    status, _, err = defender("remove", protected, "-o", "no.zip", "--expect-sha256", "0" * 64)
    assert status == 7
    assert digest in err
    assert not Path("no.zip").exists()
    defender("embed", folder)
    assert defender("remove", "app.protected", "--expect-sha256", digest)[0] == 2


# Bundles


def test_a_folder_of_the_users_own(defender: Run, package: Path) -> None:
    rewrite(package, {"twistlock/mine.py": b"x = 1\n"})
    status, out, err = defender("embed", package)
    assert (status, out) == (5, "")
    assert "twistlock/mine.py" in err
    assert not Path("function.protected.zip").exists()


def test_a_customers_bundle(defender: Run, package: Path, customers: Path) -> None:
    original = package.read_bytes()
    given = ("--bundle", customers, "--tw-policy", "made-by-the-console")
    status, out, _ = defender("embed", package, *given)
    assert (status, out) == (0, "TW_POLICY=made-by-the-console\n")
    protected = Path("function.protected.zip")
    bundle, after = contents(customers), contents(protected)
    assert {name: after[name] for name in bundle} == bundle
    assert defender("embed", protected, "-o", "again.zip", *given)[0] == 0
    assert Path("again.zip").read_bytes() == protected.read_bytes()
    assert defender("remove", protected, "-o", "back.zip")[0] == 0
    assert Path("back.zip").read_bytes() == original


def test_a_customers_bundle_without_its_string(defender: Run, package: Path, customers: Path) -> None:
    status, out, err = defender("embed", package, "--bundle", customers)
    assert (status, out) == (2, "")
    assert "--tw-policy" in err
    assert not Path("function.protected.zip").exists()


def test_a_customers_bundle_on_arm64(defender: Run, folder: Path, customers: Path) -> None:
    (folder / "template.yaml").write_text(
        "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      CodeUri: .\n"
        "      Runtime: python3.12\n      Handler: lambda_function.lambda_handler\n"
        "      Architectures: [arm64]\n"
    )
    status, out, err = defender("embed", folder, "--bundle", customers, "--tw-policy", "x")
    assert (status, out) == (5, "")
    assert "arm64" in err
    assert defender("embed", folder)[0] == 0


def test_what_is_no_bundle(defender: Run, package: Path) -> None:
    status, _, err = defender("embed", package, "--bundle", package, "--tw-policy", "x")
    assert status == 3
    assert "no python bundle" in err


def test_a_bundle_is_replaced_only_when_asked(defender: Run, package: Path, customers: Path) -> None:
    rewrite(
        package, {**contents(customers), "twistlock/serverless.py": b"def handler(f):\n    return f  # old\n"}
    )
    original = package.read_bytes()
    status, _, err = defender("embed", package)
    assert status == 5
    assert "--replace-bundle" in err
    assert defender("embed", package, "--replace-bundle")[0] == 0
    protected = Path("function.protected.zip")
    assert "twistlock/libtw.so" not in contents(protected)
    assert defender("verify", protected)[0] == 0
    assert defender("remove", protected, "-o", "back.zip")[0] == 0
    assert Path("back.zip").read_bytes() == original
