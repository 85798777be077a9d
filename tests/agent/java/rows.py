"""The names of the ways that the attacking function has, read from its tables."""

from __future__ import annotations

import re
from pathlib import Path

SOURCES = Path(__file__).parents[1] / "functions" / "java"


def ways(name: str) -> list[str]:
    """The names in one of the tables."""
    text = (SOURCES / "attacks" / f"{name}.java").read_text("utf-8")
    return re.findall(r'^        (?:WAYS|SILENT)\.put\("(\w+)"', text, re.M)


PROCESSES, NETWORK, FILES, ORDINARY = map(ways, ("Processes", "Network", "FileSystem", "Ordinary"))
# The JVM's helper, brought back past all access checks, is what is judged then.
BY_HELPER = ["launch_helper"]
PROCESSES = [way for way in PROCESSES if way not in BY_HELPER]
