"""The table of JNI calls in the core's own header is that of a JDK's."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

HEADER = Path(__file__).parents[2] / "agent" / "core" / "src" / "entry_java.h"


def test_places_in_the_table(tmp_path: Path) -> None:
    """Compiled against both; the comment beside each of our calls names the JDK's, and its index."""
    javac = shutil.which("javac")
    assert javac is not None, "no javac: tests/system-packages names what is missing"
    include = Path(javac).resolve().parents[1] / "include"
    calls = re.findall(r"\(\*(\w+)\)\(.*/\* (\w+), (\d+) \*/", HEADER.read_text("utf-8"))
    assert len(calls) == 8
    checks = "".join(
        f'_Static_assert(offsetof(struct JNINativeInterface_, {theirs}) == {index} * sizeof(void *), "{theirs}");\n'
        f'_Static_assert(offsetof(struct jni_calls, {ours}) == {index} * sizeof(void *), "{ours}");\n'
        for ours, theirs, index in calls
    )
    source = tmp_path / "places.c"
    source.write_text(f'#include <jni.h>\n#include <stddef.h>\n#include "entry_java.h"\n{checks}')
    folders = [include, include / "linux", HEADER.parent, HEADER.parents[1] / "include"]
    command = ["cc", "-std=gnu11", "-fsyntax-only", *(f"-I{folder}" for folder in folders), source]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
