"""Denied files used through the C library's functions, and through `syscall` with the calls' numbers.

Rows are as in test_by_python.py.
"""

from __future__ import annotations

import platform
from typing import Any

OPENS = "open open64 __open __open64 __open_2 __open64_2 openat openat64 __openat_2 __openat64_2"

ROWS: list[Any] = [
    ("c", OPENS, "secret"),
    ("c", "__open_nocancel __open64_nocancel __nss_files_fopen", "secret"),
    ("c", "fopen fopen64 _IO_fopen freopen freopen64 setmntent open_older_version", "secret"),
    ("c", "open_in_folder open_other_namespace", "secret"),
    ("c", "opendir scandir scandirat", "."),
    ("c", "glob glob_from_above", ".", ("prevented", {"raised": "ProcessLookupError", "errno": 3})),
    ("c", "ftw nftw fts_open", "."),
    # Such a walk goes into all that lies below: it is denied where it begins.
    ("c", "ftw_from_above nftw_from_above nftw_in_folders fts_open_from_above", "/area"),
    ("c", "getutent", "library.so", ("prevented", {"value": None})),
    (
        "c",
        "open_create open64_create __open_create openat_create creat creat64 fopen_w freopen_w setmntent_w",
        "new",
    ),
    ("c", "mkstemp mkstemp64 mkostemp mkostemp64 mkstemps mkstemps64 mkostemps mkostemps64 mkdtemp", "tmp*"),
    ("c", "updwtmp", "secret", ("prevented", {"value": None})),
    (
        "c",
        "truncate truncate64 unlink unlinkat remove rename renameat renameat2 exchange_files link linkat",
        "secret",
    ),
    ("c", "chmod lchmod fchmodat fchmodat_itself chown lchown fchownat fchownat_descriptor", "secret"),
    ("c", "unlinkat_folder remove_folder rmdir", "empty"),
    ("c", "exchange_folders", "."),
    ("c", "exchange_parents", "/area"),
    ("c", "renameat2_into linkat_into symlink symlinkat mkdir mkdirat mkfifo mkfifoat mknod mknodat", "new"),
    ("c", "__xmknod __xmknodat bind", "new"),
    ("c", "shm_open shm_unlink", "/dev/shm/tw-*"),
    ("c", "sem_open", "/dev/shm/sem.tw-*"),
    ("syscall", "openat openat2 openat2_in_root truncate unlinkat renameat renameat2 linkat", "secret"),
    ("syscall", "linkat_descriptor fchmodat fchmodat2 fchmodat2_descriptor fchownat", "secret"),
    ("syscall", "openat_create openat2_create mkdirat mknodat symlinkat bind", "new"),
    ("syscall", "in_child", "new", ("prevented", {"value": 13 << 8})),
]
if platform.machine() == "x86_64":
    ROWS += [
        ("syscall", "open rename link unlink chmod chown lchown", "secret"),
        ("syscall", "open_create creat mkdir symlink mknod", "new"),
        ("syscall", "rmdir", "empty"),
    ]


def test_table_is_whole(same_ways: Any) -> None:
    same_ways([*ROWS, ("c", "wordexp addopen_swapped", "")], "native by_number")


def test_attack(way: Any, check: Any) -> None:
    check(way)
