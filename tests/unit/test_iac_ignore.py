"""Ignore files, held to git itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from defender.edits.ignore import docker_rules, git_rules, ignored_by_docker, ignored_by_git

PARTS = st.sampled_from(["a", "ab", "a b", ".x", "b.so", "twistlock", "lib", "B", "a]b", "é"])
PATHS = st.lists(PARTS, min_size=1, max_size=4).map("/".join)
PIECES = st.sampled_from(
    [
        *("a", "b", "*", "**", "?", "/", "/", "[ab]", "[!a]", "[^a-z]", "[[:alpha:]]", "[]a]", ".so"),
        *("twistlock", "\\a", "\\*", " ", "\\ ", "#", "!", "lib", ".", "[", "\\", "**/", "/**", "[b-"),
    ]
)
LINES = st.tuples(st.sampled_from(["", "", "!"]), st.lists(PIECES, min_size=1, max_size=5).map("".join)).map(
    "".join
)
FILES = st.lists(LINES, max_size=6).map("\n".join)


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    subprocess.run(["git", "-C", str(folder), "config", "core.excludesFile", "/dev/null"], check=True)
    subprocess.run(["git", "-C", str(folder), "config", "core.ignoreCase", "false"], check=True)
    return folder


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(root=FILES, inner=FILES, paths=st.lists(PATHS, min_size=1, max_size=8, unique=True))
def test_git_agrees(repository, root, inner, paths):
    (repository / ".gitignore").write_text(root, encoding="utf-8")
    (repository / "twistlock").mkdir(exist_ok=True)
    (repository / "twistlock" / ".gitignore").write_text(inner, encoding="utf-8")
    asked = subprocess.run(
        ["git", "-C", str(repository), "check-ignore", "--no-index", "--stdin", "-z"],
        input="\0".join(paths).encode(),
        capture_output=True,
        check=False,
    )
    expected = set(filter(None, asked.stdout.decode().split("\0")))
    rules = {".gitignore": git_rules(root.encode()), "twistlock/.gitignore": git_rules(inner.encode())}
    # What git calls a folder is what lies on its disk, so only paths that are files there are asked.
    found = {path for path in paths if ignored_by_git(path, rules) is not None}

    asked_files = {path for path in paths if path != "twistlock"}
    assert found & asked_files == expected & asked_files


def test_a_rule_names_its_file_line_and_folder():
    found = ignored_by_git("src/twistlock/a.so", {"src/.gitignore": git_rules(b"# x\n\ntwist*/\n")})

    assert found is not None
    assert (found.source, found.rule.line, found.path) == ("src/.gitignore", 3, "src/twistlock")


def test_the_deeper_file_wins_unless_its_folder_is_left_out():
    own = {"twistlock/.gitignore": git_rules(b"!*\n")}

    assert ignored_by_git("twistlock/core.so", {".gitignore": git_rules(b"*.so\n"), **own}) is None
    assert ignored_by_git("twistlock/core.so", {".gitignore": git_rules(b"twistlock\n"), **own}) is not None


@pytest.mark.parametrize(
    ("rules", "left_out"),
    [
        ("*.so", False),
        ("**/*.so", True),
        ("src/twistlock", True),
        ("/src/twistlock/", True),
        ("*\n!src", False),
        ("*\n!src/app.py", True),
        ("src\n!src/twistlock/**", False),
        ("# src", False),
        ("!src\nsrc/*", True),
    ],
)
def test_dockers_last_line_that_fits_decides(rules, left_out):
    found = ignored_by_docker("src/twistlock/core.so", docker_rules(rules.encode()), ".dockerignore")

    assert (found is not None) == left_out


def test_hostile_patterns_are_matched_in_no_time():
    rules = git_rules(b"*a" * 500 + b"b\n" + b"**/" * 500 + b"b\n")

    assert ignored_by_git("a" * 200 + "/" + "a" * 200, {".gitignore": rules}) is None
