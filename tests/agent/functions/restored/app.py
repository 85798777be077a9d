"""A function with SnapStart's hooks, which also starts a program when it is told to."""

import os

from snapshot_restore_py import register_after_restore, register_before_snapshot

SEEN = []
register_before_snapshot(SEEN.append, "before")
register_after_restore(SEEN.append, "after")


def handler(event, context):
    return {"seen": SEEN, "status": os.system("true") if event == "attack" else None}
