"""Every golden case through the command line: embedded, verified, removed again, and then what it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., tuple[int, str, str]]


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Names, bytes and modes."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mode & 0o777)
        for path in files
    }


@pytest.fixture
def options(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Any], list[str]]:
    """The options that a case needs, in a folder that holds no policy."""
    monkeypatch.chdir(tmp_path)

    def of(case: Any) -> list[str]:
        named = [part for handler in case.facts["handlers"] for part in ("--handler", handler)]
        return ["--runtime", case.facts.get("runtime", case.family), *named, "--function", "golden", "--json"]

    return of


def embed(defender: Run, case: Any, options: list[str], target: Path, source: Path | None = None) -> str:
    if len(case.facts["handlers"]) > 1:
        options = [one for one in options if one not in ("--function", "golden")]
    code, out, err = defender("embed", source or case.source, "-o", target, *options)
    assert code == 0, err
    return out


def test_removing_gives_the_original_back(
    case: Any, defender: Run, options: Callable[[Any], list[str]], tmp_path: Path
) -> None:
    protected, back = tmp_path / "protected", tmp_path / "back"
    embed(defender, case, options(case), protected)
    for change in case.embedded[1]:
        assert (protected / change.path).read_bytes() == change.after
    code, _, err = defender("verify", protected)
    assert code == 0, err
    code, _, err = defender("remove", protected, "-o", back)
    assert code == 0, err
    assert contents(back) == contents(case.source)


def test_embedding_again_gives_the_same_bytes(
    case: Any, defender: Run, options: Callable[[Any], list[str]], tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    embed(defender, case, options(case), first)
    embed(defender, case, options(case), second, first)
    assert contents(second) == contents(first)


def has_it_already(change: Any) -> bool:
    """Whether what is inserted also stands in the original: nobody can tell then which of the two is ours."""
    lines = change.before.splitlines(keepends=True)
    return any(splice.data in lines for splice in change.splices)


def test_a_later_edit_survives_removal(
    case: Any, defender: Run, options: Callable[[Any], list[str]], tmp_path: Path
) -> None:
    protected, back = tmp_path / "protected", tmp_path / "back"
    embed(defender, case, options(case), protected)
    for change in case.embedded[1]:
        newline = b"\r\n" if b"\r\n" in change.after else b"\n"
        (protected / change.path).write_bytes(change.after + newline + b"LATER = 1" + newline)
    code, _, err = defender("remove", protected, "-o", back)
    if any(has_it_already(change) for change in case.embedded[1]):
        assert code == 5, err
        assert "times instead of" in err
        assert not back.exists()
        return
    assert code == 0, err
    for change in case.embedded[1]:
        newline = b"\r\n" if b"\r\n" in change.after else b"\n"
        assert (back / change.path).read_bytes() == change.before + newline + b"LATER = 1" + newline


def test_refused_cases_leave_nothing(
    refused: Any, defender: Run, options: Callable[[Any], list[str]], tmp_path: Path
) -> None:
    target = tmp_path / "protected"
    code, out, err = defender("embed", refused.source, "-o", target, *options(refused))
    expected = {"refused": 5, "detection": 4}[refused.facts["refused"]["code"]]
    assert code == expected, (out, err)
    assert "Traceback" not in err
    assert not target.exists()
