"""A denied file by other names than its own, and by threads and children with a view of their own.

Rows are as in test_by_python.py.
"""

from __future__ import annotations

from typing import Any

IN_CHILD = ("prevented", {"value": 13 << 8})

ROWS: list[Any] = [
    ("name", "dot dotdot dotdot_in_denied above_root double_slash longest in_other_thread", "secret"),
    ("name", "double_slash_write slash_after_folder longest_write", "new"),
    ("name", "slash_after_list dot_after_list", "."),
    ("name", "newline", "new\nline"),
    ("name", "not_utf8", "new*"),
    ("name", "quotes", 'new"\\\t'),
    ("name", "of_255_bytes", "n" * 255),
    ("relative", "from_base from_denied from_below from_folder_link after_fchdir", "secret"),
    ("relative", "from_denied_write from_open", "new"),
    ("link", "file file_write file_truncate file_chmod folder folder_rename folder_unlink", "secret"),
    ("link", "relative chain long_chain made_by_attacker", "secret"),
    ("link", "folder_list", "."),
    (
        "link",
        "folder_mkdir made_by_attacker_folder dangling_create dangling_create_readonly dangling_folder",
        "new",
    ),
    ("link", "hard_before hard_before_write hard_with_last_descriptor", "/open/hard"),
    ("descriptor", "of_area of_denied of_open of_folder_link of_open_through_link", "secret"),
    ("descriptor", "of_file of_file_write of_file_chmod of_file_dev", "secret"),
    ("descriptor", "of_folder_in_proc of_folder_in_dev of_folder_dotdot of_proc_fd", "secret"),
    ("descriptor", "listed", "."),
    ("proc", "self_root self_root_twice thread_self_root pid_root task_root parent_root", "secret"),
    ("proc", "self_cwd pid_cwd dotdot_out", "secret"),
    ("proc", "self_root_write parent_root_write", "new"),
    ("", "deeper_than_a_path", "*"),
    ("thread", "read own_folder own_descriptors", "secret"),
    (
        "thread",
        "own_descriptors_link own_descriptors_unlink own_descriptors_rename own_descriptors_chmod",
        "secret",
    ),
    ("thread", "own_descriptors_list", "."),
    ("thread", "write own_folder_write own_descriptors_create own_descriptors_mkdir", "new"),
    ("fork", "read grandchild thread_in_child", "secret"),
    ("fork", "write", "new", IN_CHILD),
    ("", "process_forked_by_c", "secret"),
]


def test_table_is_whole(same_ways: Any) -> None:
    same_ways(ROWS, "named threaded")


def test_attack(way: Any, check: Any) -> None:
    check(way)
