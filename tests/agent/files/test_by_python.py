"""Denied files used through Python's standard library.

A row: the ways' common beginning and last words, the paths that a prevented attempt is audited with (relative to the
denied folder), and, where they differ, what it answers and the paths that an attempt goes through under alert.
"""

from __future__ import annotations

from typing import Any

EMPTY = {"value": []}
NO_ERROR_NUMBER = {"errno": None}

ROWS: list[Any] = [
    ("open", "r rb_unbuffered w a r_plus with_opener", "secret"),
    ("open", "w_new x w_plus", "new"),
    ("os_open", "readonly nofollow bytes writeonly both append truncate truncate_readonly", "secret"),
    ("os_open", "create create_exclusive create_readonly unnamed_linked_into", "new"),
    ("os_open", "directory", "."),
    ("os_open", "unnamed", ".", ("alerts", ".|#*|new")),
    ("io", "fileio open_code codecs fileinput", "secret"),
    ("io", "fileio_w", "new"),
    ("pathlib", "open read_text read_bytes write_bytes unlink rename replace chmod hardlink_to", "secret"),
    ("pathlib", "write_text touch mkdir symlink_to", "new"),
    ("pathlib", "rmdir", "empty"),
    ("pathlib", "iterdir", "."),
    ("shutil", "copy_from copyfile_over chown", "secret"),
    ("shutil", "copy_into", "new", ("alerts", "new")),
    ("shutil", "copytree_from", "folder", ("alerts", "folder|folder/inner|folder/name-*")),
    ("shutil", "copytree_into", "new", ("alerts", "new|new/secret")),
    # Where it can't rename it copies.
    ("shutil", "move_out", "secret|secret", ("alerts", "secret")),
    ("shutil", "move_into", "new|new", ("alerts", "new")),
    ("shutil", "rmtree", "folder", ("alerts", "folder|folder/inner|folder/name-*")),
    ("tempfile", "mkstemp mkdtemp named", "tmp*"),
    # SQLite tries to read where it may not write, if the file is there.
    ("", "sqlite3_create", "new", ("prevented", {"raised": "OperationalError", **NO_ERROR_NUMBER}),
     ("alerts", "new|new-journal|.")),
    ("", "sqlite3_read sqlite3_attach", "database|database",
     ("prevented", {"raised": "OperationalError", **NO_ERROR_NUMBER}), ("alerts", "database")),
    ("", "mmap_read mmap_write", "secret"),
    ("", "logging_handler tarfile_extract", "new"),
    ("", "linecache_lines", "secret", ("prevented", EMPTY)),
    ("", "glob_names", ".", ("prevented", EMPTY)),
    ("os", "unlink remove truncate chmod chown lchown", "secret"),
    ("os", "rename_out rename_over rename_within replace_out replace_over link_out", "secret"),
    ("os", "mkdir mkfifo mknod rename_into rename_folder_into link_into symlink_into", "new"),
    ("os", "makedirs", "new", ("alerts", "new|new/below")),
    ("os", "rmdir", "empty"),
    ("os", "removedirs", "empty", ("alerts", "empty|.")),
    ("os", "renames", "secret", ("alerts", "secret|.")),
    ("os", "rename_folder_out", "folder"),
    ("os", "rename_denied_folder", "."),
    ("os", "rename_parent rename_parent_and_read", "/area"),
    ("os_at", "unlink chmod chown rename_out link_out", "secret"),
    ("os_at", "open_create mkdir mkfifo mknod symlink rename_into link_into", "new"),
    ("os_at", "rmdir", "empty"),
    ("os", "listdir listdir_here scandir", "."),
    ("os", "walk", ".", ("prevented", EMPTY), ("alerts", ".|folder|empty")),
    ("os", "fwalk", ".", ("alerts", ".|folder|empty")),
    ("unix_socket", "stream", "new", ("alerts", "new")),
    ("unix_socket", "datagram relative", "new"),
    ("unix_socket", "to_somebody to_somebody_without_descriptors", "socket"),
    ("program", "reads scrubbed_environment", "secret", ("prevented", {"value": ""})),
    ("program", "writes", "new", ("prevented", {"value": 1})),
    ("program", "shell_redirects", "new", ("prevented", {"value": 2 << 8})),
    ("", "program_opened_by_spawn", "new"),
    # An import looks at what a folder holds before it opens anything, and takes one that can't be read for empty.
    ("", "import_module", ".", ("prevented", {"raised": "ModuleNotFoundError", **NO_ERROR_NUMBER}),
     ("alerts", ".|denied_module.py")),
    ("", "import_from_zip", "package.zip", ("prevented", {"raised": "ZipImportError", **NO_ERROR_NUMBER}),
     ("alerts", "package.zip")),
    ("", "run_path", "denied_module.py|denied_module.py", ("alerts", "denied_module.py")),
    # The dynamic loader says why in words.
    ("", "library_loaded library_through_link library_by_dlopen", "library.so",
     ("prevented", {"raised": "OSError", **NO_ERROR_NUMBER})),
]  # fmt: skip


def test_table_is_whole(same_ways: Any) -> None:
    same_ways([*ROWS, ("", "library_needed", "")], "opening changing modules")


def test_attack(way: Any, check: Any) -> None:
    check(way)
