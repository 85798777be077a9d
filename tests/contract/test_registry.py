"""The registry of runtimes and the folders that a runtime needs are the same list."""

from __future__ import annotations

from pathlib import Path

import pytest

from defender.runtimes import RECOGNISED, REGISTRY, family_of, runtime

ROOT = Path(__file__).parents[2]
SHARED = {"core", "cases"}


def folders(name: str) -> set[str]:
    return {path.name for path in (ROOT / name).iterdir() if path.is_dir() and path.name != "__pycache__"}


@pytest.mark.parametrize("name", ["templates", "agent", "fixtures"])
def test_each_runtime_has_its_folder_and_no_other_is_there(name: str) -> None:
    assert folders(name) - SHARED == set(REGISTRY)


def test_modules_lie_where_the_registry_says() -> None:
    modules = {path.stem for path in (ROOT / "cli" / "defender" / "runtimes").iterdir()}
    assert modules - {"__init__", "model", "__pycache__"} == set(REGISTRY)


@pytest.mark.parametrize("family", REGISTRY)
def test_each_module_offers_what_a_runtime_is_asked(family: str) -> None:
    module = runtime(family)
    for name in ("locate", "candidates", "form", "home", "plan", "unprotected"):
        assert callable(getattr(module, name))
    assert all(isinstance(handler, str) for handler in module.DEFAULT_HANDLERS)


@pytest.mark.parametrize("family", REGISTRY)
def test_each_family_is_recognised_by_its_identifiers(family: str) -> None:
    assert family in RECOGNISED
    assert family_of(family) == family
    assert family_of(f"{family}3.12") == family


@pytest.mark.parametrize("family", REGISTRY)
def test_each_runtime_has_golden_cases_with_their_facts(family: str) -> None:
    cases = [path for path in (ROOT / "fixtures" / family).iterdir() if path.is_dir()]
    assert cases
    for case in cases:
        assert (case / "case.toml").is_file(), case
        assert (case / "in").is_dir(), case
