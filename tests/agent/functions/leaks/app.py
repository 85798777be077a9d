"""Answers what the process holds: pages and descriptors. An event can ask for an exception, or a program."""

import gc
import os


def handler(event, context):
    if event.get("raise"):
        raise ValueError(event)
    if event.get("attack"):
        return os.system("true")
    if event.get("measure"):
        gc.collect()
        with open("/proc/self/statm") as statm:
            return {"kib": int(statm.read().split()[1]) * 4, "descriptors": len(os.listdir("/proc/self/fd"))}
    return event
